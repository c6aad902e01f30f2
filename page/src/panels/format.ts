/** What the panels say, as pure functions. */

import type { AllUnloaded, DownloadProgress, EngineStatus, ModelStatus, Service } from '../schema';

/** Bytes of a disk or a download as people say them: 1.2 GB. */
export const size = (bytes: number): string => scaled(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);

/** Bytes of memory as people say them, who buy it by powers of two: 16 GiB. */
export const memory = (bytes: number): string => scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);

function scaled(bytes: number, base: number, units: readonly string[]): string {
  let step = 0;
  let value = bytes;
  while (value >= base - 0.5 && step < units.length - 1) {
    value /= base;
    step += 1;
  }
  return `${step > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}

/** Seconds as people say them: 4 s, 2 min 5 s, 3 h 10 min. */
export function lasting(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How much of a whole, in whole percent from 0 to 100. */
export function percent(part: number, whole: number): number {
  return whole > 0 ? Math.min(100, Math.max(0, Math.round((100 * part) / whole))) : 0;
}

export type Mood = 'good' | 'warn' | 'bad' | 'none';

/** Whether an engine would answer: the colour of its dot, and the words beside it. */
export function standing({ up, why }: Pick<EngineStatus, 'up' | 'why'>): { mood: Mood; words: string } {
  if (up === true) return { mood: 'good', words: 'answers' };
  if (up === false) return { mood: 'bad', words: why || 'does not answer' };
  return { mood: 'none', words: why || 'cannot be asked beforehand' };
}

const FILES: Record<ModelStatus['state'], string> = {
  ready: 'on the disk',
  unchecked: 'on the disk, checked at its next use',
  missing: 'not downloaded',
  partial: 'downloaded in part',
  damaged: 'damaged: download it again',
  remote: 'kept by its engine',
};

/** How a model stands, in words. */
export function modelWords(model: ModelStatus): { mood: Mood; words: string } {
  if (model.downloading) return { mood: 'warn', words: 'is being downloaded' };
  if (model.in_use > 0) {
    return {
      mood: 'good',
      words: `in memory, ${model.in_use} ${model.in_use === 1 ? 'request' : 'requests'} under way`,
    };
  }
  if (model.loaded) return { mood: 'good', words: 'in memory' };
  const mood = { damaged: 'bad', partial: 'warn' } as const;
  return { mood: mood[model.state as keyof typeof mood] ?? 'none', words: FILES[model.state] };
}

export type ModelAction = 'load' | 'unload' | 'download' | 'resume' | 'cancel' | 'delete';

/** What can be done to a model now. */
export function possibleActions(model: ModelStatus): ModelAction[] {
  if (model.downloading) return ['cancel'];
  if (model.loaded) return model.engine ? ['unload'] : [];
  switch (model.state) {
    case 'missing':
      return ['download'];
    case 'damaged':
      return ['download', 'delete'];
    case 'partial':
      return ['resume', 'delete'];
    case 'remote':
      return model.engine ? ['load'] : [];
    default:
      return model.engine ? ['load', 'delete'] : ['delete'];
  }
}

/** How far a download is, in words. The files of a model come one after the other. */
export function progressWords(progress: DownloadProgress): string {
  const { state, file, done, total, message } = progress;
  if (state === 'failed') return `The download failed: ${message || 'the log says why'}`;
  if (state === 'cancelled') return 'Cancelled. What has come is kept; the next download goes on from there.';
  if (state === 'done') return 'Downloaded.';
  const far = total > 0 ? `${size(done)} of ${size(total)}` : done > 0 ? size(done) : '';
  return [file, far, message].filter(Boolean).join(' · ') || 'begins';
}

const SERVICE: Record<Service['state'], { mood: Mood; word: string }> = {
  stopped: { mood: 'none', word: 'stopped' },
  starting: { mood: 'warn', word: 'starting' },
  ready: { mood: 'good', word: 'ready' },
  resting: { mood: 'warn', word: 'rests before it is tried again' },
  failed: { mood: 'bad', word: 'failed' },
};

/** How a service stands, in words. */
export function serviceWords(service: Service): { mood: Mood; words: string } {
  const { mood, word } = SERVICE[service.state];
  const since = service.seconds >= 1 ? ` for ${lasting(service.seconds)}` : '';
  const starts = service.starts > 1 ? `, started ${service.starts} times` : '';
  return { mood, words: `${word}${service.state === 'failed' ? '' : since}${starts}` };
}

/** What came of unloading everything. */
export function unloadedWords({ unloaded, kept }: AllUnloaded): string {
  const gone = unloaded.length
    ? `Unloaded: ${unloaded.map((one) => one.model).join(', ')}.`
    : 'There was nothing to unload.';
  const stays = kept.map((one) => `${one.model || one.engine} stays: ${one.why}.`);
  return [unloaded.length || !kept.length ? gone : '', ...stays].filter(Boolean).join(' ');
}

const LINES: Record<string, string> = { stt: 'Speech to text', llm: 'Language model', tts: 'Voice' };

/** A role, as people call it. */
export function roleWords(role: string): string {
  return LINES[role] ?? { vad: 'Voice detection', turn: 'End of turn' }[role] ?? role;
}
