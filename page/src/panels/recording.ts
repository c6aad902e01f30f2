/** A kept call, as pure functions: its waveform, where the time of each turn went on it, and what was decided. */

import type { Moments } from '../call/state';
import { endWords } from '../format';
import type { KeptCall, KeptDecision, KeptTurn, ReplyMetrics } from '../schema';
import { type Bar, waterfall } from '../talk/waterfall';
import { lasting } from './words';

/** A picture of how loud a voice is: an outline around `middle`, `tall` units to each side; x is seconds. */
export function outline(loud: readonly number[], seconds: number, middle: number, tall: number): string {
  if (loud.length === 0) return '';
  const x = (at: number) => ((at / loud.length) * seconds).toFixed(3);
  const y = (value: number, side: 1 | -1) => (middle + side * Math.max(0.3, (value / 100) * tall)).toFixed(2);
  const there = loud.map((value, at) => `${x(at)},${y(value, -1)} ${x(at + 1)},${y(value, -1)}`);
  const back = loud.map((value, at) => `${x(at + 1)},${y(value, 1)} ${x(at)},${y(value, 1)}`).reverse();
  return `M${there.join(' L')} L${back.join(' L')}Z`;
}

/** A kept turn as the waterfall wants it; zero is the end of the caller's speech. */
export function momentsOf(turn: KeptTurn): Moments {
  const ms = (at: number | null) => (at === null ? null : at * 1000);
  const { speech_began_at: began, speech_ended_at: ended, stages } = turn;
  const metrics = { wasted: turn.wasted, wasted_ms: null, wasted_from_ms: null } as ReplyMetrics;
  for (const stage of ['endpoint', 'asr', 'llm_first', 'llm', 'tts_first', 'tts', 'e2e', 'wasted'])
    Object.assign(metrics, { [`${stage}_ms`]: stages[`${stage}_ms`] ?? null });
  for (const stage of ['asr', 'llm', 'tts', 'wasted'])
    Object.assign(metrics, { [`${stage}_from_ms`]: stages[`${stage}_from_ms`] ?? null });
  return {
    reply: turn.reply,
    turn: turn.turn,
    speech: began === null || ended === null ? null : ended - began,
    asked: ms(ended),
    sounded: ms(turn.audio_at),
    silent: ms(turn.done_at),
    metrics: Object.keys(stages).length > 0 ? metrics : null,
  };
}

/** A stretch of a stage on the recording. */
export interface Stretch {
  readonly tone: Bar['tone'];
  readonly name: string;
  readonly lane: number;
  readonly from: number;
  readonly to: number;
}

const LANES: Partial<Record<Bar['tone'], number>> = { wait: 0, stt: 1, llm: 2, tts: 3 };

/** Where the stages of all turns are on the recording, in its seconds. */
export function stretches(turns: readonly KeptTurn[]): Stretch[] {
  return turns.flatMap((turn) => {
    const ended = turn.speech_ended_at;
    const bars = ended === null ? [] : (waterfall(momentsOf(turn))?.bars ?? []);
    return bars.flatMap(({ tone, name, from, to }) => {
      const lane = LANES[tone];
      if (lane === undefined || ended === null) return [];
      return [{ tone, name, lane, from: ended + from / 1000, to: ended + to / 1000 }];
    });
  });
}

/** Where a turn begins on the recording: with the caller's words or, unasked, with the agent's. */
export const beginOf = (turn: KeptTurn): number | null => turn.speech_began_at ?? turn.audio_at;

const DECIDED: Record<string, string> = {
  turn_ended: 'End of turn',
  barge_in: 'Barge-in',
  false_interruption: 'False interruption',
  error: 'Error',
  reconnected: 'Reconnected',
  operator: 'Operator',
};
const BY: Record<string, string> = {
  silence: 'silence',
  evidence: 'turn model + transcript + silence',
  limit: 'longest turn reached',
  voice: 'voice activity',
  words: 'transcript',
  operator: '', // named beside it already
};

/** What was decided, and why. */
export function decisionWords(decision: KeptDecision): { what: string; why: string } {
  const { detector, silence_ms, score, reason } = decision;
  const why = [
    BY[detector] ?? detector,
    silence_ms === null ? '' : `${Math.round(silence_ms)} ms of silence`,
    score === null ? '' : `turn model ${score.toFixed(2)}`,
    decision.what === 'operator' ? reason.replaceAll('_', ' ') : reason && `“${reason}”`,
  ];
  return { what: DECIDED[decision.what] ?? decision.what, why: why.filter(Boolean).join(' · ') };
}

/** What the call came over, to whom, where it went on to, and how good the line was, where that is known. */
export function lineWords(call: KeptCall, decisions: readonly KeptDecision[]): string {
  return [
    `${call.direction === 'outbound' ? 'Outbound' : 'Inbound'}, line ${call.line}`,
    `${call.codec} at ${call.rate / 1000} kHz`,
    call.called && `called ${call.called}`,
    call.diverted_from && `forwarded from ${call.diverted_from}`,
    call.transferred_to && `transferred to ${call.transferred_to}`,
    decisions.find(isLine)?.reason,
    call.carrier_call_id && `carrier's ID ${call.carrier_call_id}`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/** How good the line was is kept among the decisions, and is none. */
export const isLine = (decision: KeptDecision): boolean => decision.what === 'line';

/** A call in one line. */
export function callWords(call: KeptCall): string {
  const turns = `${call.turns} ${call.turns === 1 ? 'turn' : 'turns'}`;
  const lasted = call.seconds === null ? 'active' : lasting(call.seconds);
  return [lasted, turns, call.reason && endWords(call.reason)].filter(Boolean).join(' · ');
}
