/** What the page says, as pure functions. What only the dashboard says is in panels/words.ts. */

/** Bytes of memory as people say them, who buy it by powers of two: 16 GiB. */
export const memory = (bytes: number): string => scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);

export function scaled(bytes: number, base: number, units: readonly string[]): string {
  let step = 0;
  let value = bytes;
  while (value >= base - 0.5 && step < units.length - 1) {
    value /= base;
    step += 1;
  }
  return `${step > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}

const ENGINES: Record<string, string> = {
  embedded: 'Built-in',
  auto: 'Automatic (Ollama, else built-in)',
  fast: 'Piper: fast',
  quality: 'Piper: quality',
  high: 'Piper: high',
};

/** An engine, as operators call it. */
export const engineWords = (name: string): string => ENGINES[name] ?? name;

/** Whether an engine answers with scripted words: it is for tests, and not for operators to choose. */
export const forTests = (name: string): boolean => name === 'scripted' || name === 'mock';

/** A moment on a call's clock: 1:05. */
export const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

const ENDS: Record<string, string> = {
  caller_hung_up: 'the caller hung up',
  caller_silent: 'the caller was silent',
  caller_repeats: 'the caller repeated the same phrase (voicemail or bot?)',
  engines_failed: 'the engines failed repeatedly',
  idle: 'nobody spoke for a while',
  agent_said_goodbye: 'the caller said goodbye, and so did the agent',
  too_long: 'it reached the longest time allowed (CALL_MAX_S)',
  ended_by_operator: 'ended by an operator',
  transferred: 'transferred to a colleague',
  voicemail: 'an answering machine took it',
  voicemail_left: 'an answering machine has the message',
  busy: 'busy',
  no_answer: 'nobody answered',
  rejected: 'they refused the call',
  not_reached: 'no such number, or the line could not call it',
  cancelled: 'given up before anybody answered',
  called_too_often: 'the caller called too often',
  no_audio: 'no sound came from the line',
  asked_for_person: 'the caller asked for a person',
  drained: 'ended for maintenance',
  server_stopping: 'lineside shut down',
  line_lost: 'connection lost',
  internal_error: 'an internal error',
  gateway_died: 'the gateway died',
};

/** Why a call ended. */
export const endWords = (reason: string): string => ENDS[reason] ?? reason.replaceAll('_', ' ');
