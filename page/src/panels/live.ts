/** How long a call has stood as it stands, and when that is too long. Pure. */

import type { ActiveCall } from '../schema';
import type { Mood } from './words';

const THINKS = { warn: 2, bad: 4 }; // seconds; the caller hears nothing meanwhile
const SILENT = { warn: 15, bad: 30 }; // seconds of listening to nobody
const SLOW_MS = { warn: 2000, bad: 4000 }; // the last response

export interface Standing {
  readonly state: ActiveCall['state'];
  /** When the state was first seen, in seconds of the call. */
  readonly since: number;
  readonly seconds: number;
}

/** How long each call has been in its state, as far as this page has seen. */
export function sinceOf(
  before: ReadonlyMap<string, Standing>,
  calls: readonly ActiveCall[],
): ReadonlyMap<string, Standing> {
  return new Map(
    calls.map(({ id, state, seconds: now }) => {
      const known = before.get(id);
      const since = known?.state === state ? known.since : now;
      return [id, { state, since, seconds: now - since }];
    }),
  );
}

/** Who calls whom, as far as the line knows. */
export function partiesOf(call: ActiveCall): string {
  const [from, to] = [call.caller, call.called];
  if (!from && !to) return '';
  return `${from || 'unknown'}${to ? ` → ${to}` : ''}`;
}

/** What stands out of a live call besides its alarm. */
export function liveTags(call: ActiveCall): string[] {
  const { unanswered, fallbacks, listeners } = call;
  return [
    call.direction === 'outbound' && 'outbound',
    call.taken_over && 'taken over',
    unanswered > 0 && `${unanswered} ${unanswered === 1 ? 'question' : 'questions'} unanswered`,
    fallbacks > 0 && 'another engine answered',
    listeners > 0 && `${listeners} ${listeners === 1 ? 'listener' : 'listeners'}`,
  ].filter((one): one is string => Boolean(one));
}

/** What an operator should look at, the gravest first; null: nothing. */
export function alarm(call: ActiveCall, seconds: number): { mood: Mood; words: string } | null {
  const long = { thinking: THINKS, listening: SILENT }[call.state as string];
  const words =
    call.state === 'thinking'
      ? `The caller waits for ${Math.floor(seconds)} s`
      : `Nobody speaks for ${Math.floor(seconds)} s`;
  if (long && seconds >= long.bad) return { mood: 'bad', words };
  const ms = call.last_e2e_ms ?? 0;
  if (ms >= SLOW_MS.bad) return { mood: 'bad', words: 'The last response was very slow' };
  if (call.asked_for_person && !call.taken_over)
    return { mood: 'bad', words: 'The caller asked for a person' };
  if (long && seconds >= long.warn) return { mood: 'warn', words };
  if (ms >= SLOW_MS.warn) return { mood: 'warn', words: 'The last response was slow' };
  return null;
}
