import { expect, test } from 'vitest';
import { farOf, rateAfter, rateWords, speed, started } from '../src/panels/download-rate';
import type { DownloadProgress } from '../src/schema';

const MB = 1_000_000;
const told = (file: string, done: number, total = 40): DownloadProgress => ({
  model: 'tiny',
  file,
  done: done * MB,
  total: total * MB,
  source: '',
  state: 'running',
  message: '',
});

test('the speed is that of the last seconds, and says how long it still takes', () => {
  const first = rateAfter(started, told('a', 10), 0);
  expect(speed(first)).toBeNull();
  const later = rateAfter(first, told('a', 20), 2);
  expect(speed(later)).toBe(5 * MB);
  expect(rateWords(later, 40 * MB)).toBe('20 MB of 40 MB · 5.0 MB/s · 4 s left');
});

test('files that came before count', () => {
  const first = rateAfter(started, told('a', 10, 10), 0);
  const second = rateAfter(first, told('b', 5, 30), 1);
  expect(farOf(second, null)).toEqual({ done: 15 * MB, total: 40 * MB });
  expect(farOf(second, 100 * MB)).toEqual({ done: 15 * MB, total: 100 * MB });
});

test('a word without a file changes nothing', () => {
  expect(rateAfter(started, told('', 0), 0)).toBe(started);
});
