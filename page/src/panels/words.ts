/** What the dashboard says, as pure functions. */

import { scaled } from '../format';
import type {
  AllUnloaded,
  DownloadProgress,
  EngineStatus,
  KnownGateway,
  ModelStatus,
  Service,
} from '../schema';

/** Bytes of a disk or a download as people say them: 1.2 GB. */
export const size = (bytes: number): string => scaled(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);

/** Seconds as people say them: 4 s, 2 min 5 s, 3 h 10 min. */
export function lasting(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A moment, in seconds since 1970, as its date and time here. */
export const clockTime = (at: number): string => new Date(at * 1000).toLocaleString();

/** How much of a whole, in whole percent from 0 to 100. */
export function percent(part: number, whole: number): number {
  return whole > 0 ? Math.min(100, Math.max(0, Math.round((100 * part) / whole))) : 0;
}

export type Mood = 'good' | 'warn' | 'bad' | 'none';

/** Whether an engine would answer: the colour of its dot, and the words beside it. */
export function standing(engine: Pick<EngineStatus, 'up' | 'why' | 'state'>): { mood: Mood; words: string } {
  const { up, why, state } = engine;
  if (state === 'not downloaded') return { mood: 'warn', words: 'Not downloaded' };
  if (up === true) return { mood: 'good', words: 'Available' };
  if (up === false) return { mood: 'bad', words: why || 'Cannot connect' };
  return { mood: 'none', words: why || 'No health check' };
}

const FILES: Record<ModelStatus['state'], string> = {
  ready: 'Downloaded',
  unchecked: 'Downloaded, checked at its next use',
  missing: 'Not downloaded',
  partial: 'Partly downloaded',
  damaged: 'Damaged: download it again',
  remote: 'Stored by its engine',
};

/** How a model stands, in words. */
export function modelWords(model: ModelStatus): { mood: Mood; words: string } {
  if (model.downloading) return { mood: 'warn', words: 'Downloading' };
  if (model.in_use > 0) {
    return {
      mood: 'good',
      words: `Loaded, ${model.in_use} ${model.in_use === 1 ? 'request' : 'requests'} active`,
    };
  }
  if (model.loaded) return { mood: 'good', words: 'Loaded' };
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

/** What a download does, in words; how far it is, `rateWords` says. The files of a model come one after the other. */
export function progressWords(progress: DownloadProgress): string {
  const { state, file, done, total, source, message } = progress;
  if (state === 'failed') return `The download failed: ${message || 'the log says why'}`;
  if (state === 'cancelled') {
    const at = total > 0 ? ` at ${size(done)} of ${size(total)}` : '';
    return `Cancelled${at}. Resume continues from here.`;
  }
  if (state === 'done') return 'Downloaded.';
  const why = message && [source, message].filter(Boolean).join(': ');
  return [file, why].filter(Boolean).join(' · ') || 'Starting';
}

const SERVICE: Record<Service['state'], { mood: Mood; word: string }> = {
  stopped: { mood: 'none', word: 'stopped' },
  starting: { mood: 'warn', word: 'starting' },
  ready: { mood: 'good', word: 'ready' },
  resting: { mood: 'warn', word: 'restarting (back-off)' },
  failed: { mood: 'bad', word: 'failed' },
};

/** How a service stands, in words. */
export function serviceWords(service: Service): { mood: Mood; words: string } {
  const { mood, word } = SERVICE[service.state];
  const since = service.seconds >= 1 ? ` for ${lasting(service.seconds)}` : '';
  const starts = service.starts > 1 ? `, started ${service.starts} times` : '';
  return { mood, words: `${word}${service.state === 'failed' ? '' : since}${starts}` };
}

/** Whether a gateway takes calls, in words. */
export function gatewayWords(gateway: KnownGateway): { mood: Mood; words: string } {
  if (!gateway.alive) return { mood: 'bad', words: 'Not heard' };
  if (gateway.draining) return { mood: 'warn', words: 'Draining' };
  if (gateway.calls >= gateway.max_calls) return { mood: 'warn', words: 'Full' };
  return { mood: 'good', words: 'Takes calls' };
}

/** What came of unloading everything. */
export function unloadedWords({ unloaded, kept }: AllUnloaded): string {
  const gone = unloaded.length
    ? `Unloaded: ${unloaded.map((one) => one.model).join(', ')}.`
    : 'No model was loaded.';
  const stays = kept.map((one) => `${one.model || one.engine} stays: ${one.why}.`);
  return [unloaded.length || !kept.length ? gone : '', ...stays].filter(Boolean).join(' ');
}

const ROLES: Record<string, string> = {
  stt: 'Speech to text (STT)',
  llm: 'Language model (LLM)',
  tts: 'Voice (TTS)',
  vad: 'Voice activity detection',
  turn: 'Turn detection',
  embeddings: 'Meaning of questions (embeddings)',
};

/** A role, as operators call it. */
export const roleWords = (role: string): string => ROLES[role] ?? role;
