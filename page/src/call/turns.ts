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

export function beganSpeaking(state: CallState, event: Of<'speech_started'>): CallState {
  return { ...state, speech: { turn: event.turn, began: event.at, ended: null } };
}

export function stoppedSpeaking(state: CallState, event: Of<'speech_stopped'>): CallState {
  if (state.speech?.turn !== event.turn) return state;
  return { ...state, speech: { ...state.speech, ended: event.at } };
}

type Noted = Of<'audio_started' | 'audio_done' | 'barge_in' | 'metrics'>;

/** Write down when this came. Turn 0 is the greeting: nobody asked, so nothing is measured. */
export function noted(state: CallState, event: Noted): CallState {
  const seen = event.seen;
  if (event.turn === 0 || seen === undefined) return state;
  const known = state.turns.find((turn) => turn.reply === event.reply);
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
    case 'metrics':
      return { ...turn, metrics: event };
  }
}

function spoken({ speech }: CallState, turn: number): number | null {
  return speech?.turn === turn && speech.ended !== null ? Math.max(0, speech.ended - speech.began) : null;
}
