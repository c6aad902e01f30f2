/** When things happened in each turn, for the waterfall. Pure. */

import type { CallState, Moments, Of } from './state';

const TURNS = 50; // that are kept to be looked at; the averages are taken of them

const unknown = {
  speech: null,
  asked: null,
  sounded: null,
  silent: null,
  metrics: null,
} as const;

export function beganSpeaking(state: CallState, event: Of<'turn_started'>): CallState {
  return { ...state, speech: { turn: event.turn, began: event.at, ended: null } };
}

export function stoppedSpeaking(state: CallState, event: Of<'turn_ended'>): CallState {
  if (state.speech?.turn !== event.turn) return state;
  return { ...state, speech: { ...state.speech, ended: event.at } };
}

type Noted = Of<'audio_started' | 'audio_done' | 'barge_in' | 'reply_metrics'>;

/** Whether the caller said something in this turn. What the agent says unasked, as its greeting, is no answer. */
export function wasAsked(state: CallState, turn: number): boolean {
  return state.lines.some((line) => line.who === 'caller' && line.turn === turn);
}

/** Write down when this came. Where nobody asked nothing is measured. */
export function noted(state: CallState, event: Noted): CallState {
  const seen = event.seen;
  const known = state.turns.find((turn) => turn.reply === event.reply);
  if (seen === undefined || (!known && !wasAsked(state, event.turn))) return state;
  const begun: Moments = known ?? {
    ...unknown,
    reply: event.reply,
    turn: event.turn,
    speech: spoken(state, event.turn),
  };
  const next = moment(begun, event, seen);
  const turns = known ? state.turns.map((turn) => (turn === known ? next : turn)) : [...state.turns, next];
  return { ...state, turns: turns.slice(-TURNS) };
}

function moment(turn: Moments, event: Noted, seen: number): Moments {
  switch (event.type) {
    case 'audio_started':
      return { ...turn, sounded: seen, asked: seen - event.latency_ms };
    case 'audio_done':
    case 'barge_in':
      return { ...turn, silent: seen };
    case 'reply_metrics':
      return { ...turn, metrics: event };
  }
}

function spoken({ speech }: CallState, turn: number): number | null {
  return speech?.turn === turn && speech.ended !== null ? Math.max(0, speech.ended - speech.began) : null;
}
