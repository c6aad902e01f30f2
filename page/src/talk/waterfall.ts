/** Where the time of a turn went, as bars on one axis. Pure. Zero is the end of the caller's speech. */

import type { Moments } from '../call/state';
import type { Metrics } from '../schema';

const SHOWN = 1000; // ms of the caller's speech and of the playing that are drawn; the numbers tell the whole

export interface Bar {
  readonly name: string;
  readonly tone: 'caller' | 'wait' | 'stt' | 'llm' | 'tts' | 'agent';
  /** Milliseconds on the axis, as far as they are drawn. */
  readonly from: number;
  readonly to: number;
  /** How long it really took, in milliseconds. */
  readonly took: number;
}

export interface Waterfall {
  readonly bars: readonly Bar[];
  readonly from: number;
  readonly to: number;
}

type Leg = Bar | false | null;

/** The bars of a turn; null where too little is known of it yet. */
export function waterfall(turn: Moments): Waterfall | null {
  const { metrics, asked } = turn;
  if (!metrics || asked === null) return null;
  const since = (moment: number | null) => (moment === null ? null : moment - asked);
  const first = metrics.e2e_ms ?? since(turn.sounded);
  const legs: Leg[] = [
    turn.speech !== null && speech(turn.speech * 1000),
    span('Waited for the end of the turn', 'wait', 0, metrics.endpoint_ms),
    before('Speech to text', 'stt', since(turn.understood), metrics.asr_ms),
    ...model(metrics, since(turn.token), first),
    first === null ? null : before('Voice, first sound', 'tts', first, metrics.tts_first_ms),
    span('Voice, all sentences', 'tts', (first ?? 0) - (metrics.tts_first_ms ?? 0), metrics.tts_ms),
    playing(first, since(turn.silent)),
  ];
  const bars = legs.filter((leg): leg is Bar => Boolean(leg));
  if (bars.length === 0) return null;
  return {
    bars,
    from: Math.min(0, ...bars.map((bar) => bar.from)),
    to: Math.max(1, ...bars.map((bar) => bar.to)),
  };
}

const span = (name: string, tone: Bar['tone'], from: number, took: number | null): Leg =>
  took === null ? null : { name, tone, from, to: from + took, took };

const before = (name: string, tone: Bar['tone'], to: number | null, took: number | null): Leg =>
  took === null ? null : { name, tone, from: (to ?? took) - took, to: to ?? took, took };

const speech = (took: number): Bar => ({
  name: 'Caller speaks',
  tone: 'caller',
  from: -Math.min(took, SHOWN),
  to: 0,
  took,
});

/** What is told of the first token may come late: an answer prepared in a pause is told once the turn is over. */
function model(metrics: Metrics, token: number | null, first: number | null): Leg[] {
  if (metrics.llm_first_ms === null) return [];
  const latest = first === null ? Number.POSITIVE_INFINITY : first - (metrics.tts_first_ms ?? 0);
  const at = Math.min(token ?? latest, latest);
  if (!Number.isFinite(at)) return [];
  const began = at - metrics.llm_first_ms;
  return [
    span('Model, first token', 'llm', began, metrics.llm_first_ms),
    span('Model, whole answer', 'llm', began, metrics.llm_ms),
  ];
}

function playing(first: number | null, silent: number | null): Leg {
  if (first === null || silent === null || silent <= first) return null;
  return {
    name: 'Agent speaks',
    tone: 'agent',
    from: first,
    to: Math.min(silent, first + SHOWN),
    took: silent - first,
  };
}

export type Measure =
  | 'endpoint_ms'
  | 'asr_ms'
  | 'llm_first_ms'
  | 'llm_ms'
  | 'tts_first_ms'
  | 'tts_ms'
  | 'e2e_ms';

/** The mean of a measure over the turns that were answered; null where there is none. */
export function average(turns: readonly Moments[], measure: Measure): number | null {
  const values = turns.flatMap((turn) => turn.metrics?.[measure] ?? []);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
