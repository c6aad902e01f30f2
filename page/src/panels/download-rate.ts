/** How fast a download comes and how long it still takes, from what was told of it. Pure. */

import type { DownloadProgress } from '../schema';
import { lasting, size } from './words';

const WINDOW = 10; // seconds that the speed is taken over
const POINTS = 60; // kept at most; more come only where it is told oftener than six times a second

export interface Rate {
  readonly file: string;
  /** Bytes of the files before this one. */
  readonly before: number;
  /** Bytes of this file when it was last told of. */
  readonly done: number;
  /** Bytes of this file. */
  readonly total: number;
  /** Seconds and bytes of all files, the newest last. */
  readonly points: readonly (readonly [number, number])[];
}

export const started: Rate = { file: '', before: 0, done: 0, total: 0, points: [] };

/** What is known after another word of it; `now` in seconds. */
export function rateAfter(rate: Rate, progress: DownloadProgress, now: number): Rate {
  const { file, done, total } = progress;
  if (!file) return rate;
  const next = rate.file !== '' && file !== rate.file;
  const before = rate.before + (next ? Math.max(rate.total, rate.done) : 0);
  const all = before + done;
  const fresh = rate.points.filter(([at, bytes]) => now - at <= WINDOW && bytes <= all);
  return { file, before, done, total, points: [...fresh, [now, all] as const].slice(-POINTS) };
}

/** Bytes a second over the last seconds; null while too little is known. */
export function speed({ points }: Rate): number | null {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || last[0] - first[0] < 1) return null;
  return (last[1] - first[1]) / (last[0] - first[0]);
}

/** All bytes so far and to come; `whole` is the model's size, where it is known. */
export function farOf(rate: Rate, whole: number | null): { done: number; total: number } {
  const total = Math.max(rate.before + rate.total, whole ?? 0);
  return { done: Math.min(rate.before + rate.done, total || Number.POSITIVE_INFINITY), total };
}

/** How far, how fast and for how long still. */
export function rateWords(rate: Rate, whole: number | null): string {
  const { done, total } = farOf(rate, whole);
  const fast = speed(rate);
  const left = fast && total > done ? `${lasting(Math.ceil((total - done) / fast))} left` : '';
  return [
    total > 0 ? `${size(done)} of ${size(total)}` : done > 0 ? size(done) : '',
    fast ? `${size(fast)}/s` : '',
    left,
  ]
    .filter(Boolean)
    .join(' · ');
}
