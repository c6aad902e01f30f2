/** Where the time of a turn went, as bars on one axis. Pure. Zero is the end of the caller's speech. */

import type { Moments } from '../call/state';
import type { ReplyMetrics } from '../schema';

const HOLE = 30; // ms; a shorter one is nothing to look at
const SHOWN = 1000; // ms of the caller's speech and of the playing that are drawn; the numbers tell the whole

export interface Bar {
  readonly name: string;
  readonly tone: 'caller' | 'wait' | 'waste' | 'stt' | 'llm' | 'tts' | 'agent';
  /** Milliseconds on the axis, as far as they are drawn. */
  readonly from: number;
  readonly to: number;
  /** How long it really took, in milliseconds. */
  readonly took: number;
  /** Settings that rule it, as they are written in .env; none where no setting does. */
  readonly ruledBy: readonly string[];
}

type Ruled = 'turn' | 'speculation' | 'stt' | 'llm' | 'length' | 'tts' | 'nothing';

const RULED_BY: Readonly<Record<Ruled, readonly string[]>> = {
  turn: ['TURN_PROFILE', 'VAD_SILENCE_TIMEOUT_MS'],
  speculation: ['SPECULATION'],
  stt: ['DEFAULT_STT_ENGINE'],
  llm: ['DEFAULT_LLM_ENGINE'],
  length: ['DEFAULT_LLM_ENGINE', 'LLM_MAX_TOKENS'],
  tts: ['DEFAULT_TTS_ENGINE'],
  nothing: [],
};

export interface Waterfall {
  readonly bars: readonly Bar[];
  readonly from: number;
  readonly to: number;
}

type Leg = Bar | false | null;

/** The bars of a turn; null where too little is known of it yet. */
export function waterfall(turn: Moments): Waterfall | null {
  const { metrics, asked } = turn;
  if (!metrics) return null;
  const since = (moment: number | null) => (moment === null || asked === null ? null : moment - asked);
  const first = metrics.e2e_ms ?? since(turn.sounded);
  const legs: Leg[] = [
    turn.speech !== null && speech(turn.speech * 1000),
    span('Turn detection', 'wait', 0, metrics.endpoint_ms, 'turn'),
    wasted(metrics),
    span('STT', 'stt', metrics.asr_from_ms, metrics.asr_ms, 'stt'),
    hole(metrics),
    span('LLM first token', 'llm', metrics.llm_from_ms, metrics.llm_first_ms, 'llm'),
    sentence(metrics),
    span('LLM total', 'llm', metrics.llm_from_ms, metrics.llm_ms, 'length'),
    span('TTS first audio', 'tts', metrics.tts_from_ms, metrics.tts_first_ms, 'tts'),
    span('TTS total', 'tts', metrics.tts_from_ms, metrics.tts_ms, 'tts'),
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

const span = (
  name: string,
  tone: Bar['tone'],
  from: number | null,
  took: number | null,
  ruled: Ruled,
): Leg =>
  from === null || took === null
    ? null
    : { name, tone, from, to: from + took, took, ruledBy: RULED_BY[ruled] };

/** Between the transcript and the question to the model: the turn's end is decided, rules are looked through. */
const hole = ({ asr_from_ms: asked, asr_ms: took, llm_from_ms: to }: ReplyMetrics): Leg => {
  if (asked === null || took === null || to === null || to - asked - took < HOLE) return null;
  return span('Transcript to LLM', 'wait', asked + took, to - asked - took, 'turn');
};

/** From asking the model to the first words that the voice could say. */
const sentence = ({ llm_from_ms: from, tts_from_ms: to }: ReplyMetrics): Leg =>
  from === null || to === null || to < from
    ? null
    : span('LLM first sentence', 'llm', from, to - from, 'llm');

/** Prepared in earlier pauses of this turn, for nothing; the last of them is drawn where it was. */
const wasted = ({ wasted: many, wasted_ms: took, wasted_from_ms: at }: ReplyMetrics): Leg => {
  if (many === 0 || took === null || at === null) return null;
  const from = Math.max(at, -SHOWN);
  const name = many === 1 ? 'Dropped preparation' : `Dropped preparations (${many})`;
  const to = Math.max(from, Math.min(0, at + took / many));
  return { name, tone: 'waste', from, to, took, ruledBy: RULED_BY.speculation };
};

const speech = (took: number): Bar => ({
  name: 'Caller audio',
  tone: 'caller',
  from: -Math.min(took, SHOWN),
  to: 0,
  took,
  ruledBy: RULED_BY.nothing,
});

function playing(first: number | null, silent: number | null): Leg {
  if (first === null || silent === null || silent <= first) return null;
  return {
    name: 'Agent audio',
    tone: 'agent',
    from: first,
    to: Math.min(silent, first + SHOWN),
    took: silent - first,
    ruledBy: RULED_BY.nothing,
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
