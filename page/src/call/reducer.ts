/** What the page shows, as a pure function of what happened. Nothing here waits or touches the page. */

import { endWords } from '../format';
import { characters, parted, reach } from './heard';
import { type CallState, type Happened, idle, type Kind, type Line, type Of } from './state';
import { beganSpeaking, noted, stoppedSpeaking, wasAsked } from './turns';

const LINES = 200; // of one call on the page; the oldest leave it, the call goes on

// What the caller is told where the call ended without them. Their own hang-up needs no words.
const AGAIN = 'Press Start call to call again.';
const ENDED: Record<string, string> = {
  caller_hung_up: '',
  internal_error: `Something broke inside lineside; its log says where. ${AGAIN}`,
  drained: 'lineside is shut down for maintenance. Press Start call to try again.',
  server_stopping: 'lineside is shutting down. Press Start call once it is running again.',
  line_lost: `Connection lost. Check that lineside is running, then press Start call.`,
};
const PERSON: Record<string, string> = {
  caller: 'The caller asked for a person.',
  agent: 'The agent promised a person.',
  operator: 'An operator asked for a transfer.',
};
const TRANSFER: Record<string, string> = {
  busy: 'busy',
  failed: 'the line could not do it',
  invalid: 'no such number',
  no_answer: 'nobody answered',
  rejected: 'refused',
};
const LOST = ENDED.line_lost as string;

type Rules = { readonly [K in Kind]: (state: CallState, event: Of<K>) => CallState };

// The compiler sees to it that there is a rule for every event of the protocol.
const RULES: Rules = {
  connecting: (state) => ({ ...state, phase: 'connecting', problem: '', fatal: false, instead: '' }),
  ready: (before, event) => ({
    ...idle,
    instead: before.instead,
    phase: 'listening',
    call: event,
    began: event.seen ?? null,
  }),
  turn_started: (state, event) => ({
    ...beganSpeaking(edit(state, caller(event), same), event),
    phase: 'listening',
    problem: '',
  }),
  turn_ended: (state, event) => ({ ...stoppedSpeaking(state, event), phase: 'thinking' }),
  partial_transcript: (state, event) => edit(state, caller(event), (line) => ({ ...line, text: event.text })),
  transcript: (state, event) => ({
    ...understood(state, event),
    phase: event.text ? 'thinking' : 'listening',
    problem: '',
  }),
  reasoning_token: (state, event) =>
    edit(state, agent(event), (line) => ({ ...line, thoughts: line.thoughts + event.token })),
  llm_token: (state, event) =>
    edit(state, agent(event), (line) => ({ ...line, text: line.text + event.token })),
  reply_text: (state, event) =>
    edit(state, agent(event), (line) => ({ ...line, text: event.text, open: false })),
  audio_started: (state, event) => ({ ...sounding(noted(state, event), event), phase: 'speaking' }),
  agent_words: (state, event) => said(state, event),
  played: (state, event) => heard(state, event),
  audio_done: (state, event) => ({
    ...wholly(settled(noted(state, event), event), event),
    phase: 'listening',
  }),
  barge_in: (state, event) => ({ ...cut(noted(state, event), event), phase: 'listening' }),
  clear: (state) => state, // the loudspeaker's
  false_interruption: (state, event) => ({ ...resumed(state, event), phase: 'speaking' }),
  unanswered: (state) => state, // the history's
  call_taken: (state) => state, // of calls that lineside makes: the history's
  operator_acted: (state) => state, // the history's, and that of whoever follows the call
  transfer_requested: (state, event) => noteOn(state, event, 'person', PERSON[event.by] ?? PERSON.caller),
  transfer_done: (state, event) =>
    noteOn(
      state,
      event,
      'transfer',
      event.result === 'transferred'
        ? `The caller was put through${event.to && ` to ${event.to}`}.`
        : `The transfer${event.to && ` to ${event.to}`} failed: ${TRANSFER[event.result] ?? event.result}.`,
    ),
  reply_metrics: (state, event) => ({
    ...(event.e2e_ms === null || event.turn === 0
      ? named(settled(state, event), event)
      : measured(noted(state, event), event)),
    phase: 'listening',
  }),
  tool_call: (state) => state, // of programs that offer tools; this page offers none
  tool: (state) => state,
  slot: (state) => state,
  task: (state) => state,
  error: (state, event) => ({ ...state, problem: event.message, fatal: event.fatal }),
  ended: (state, event) =>
    ended(
      state,
      event,
      ENDED[event.reason] ?? `Call ended: ${endWords(event.reason)}. ${AGAIN}`,
      event.reason,
    ),
  failed: (state, event) => ended(state, event, event.words, 'failed'),
  lost: (state, event) => ended(state, event, LOST, 'line_lost'),
  stopped: (state, event) => ended(state, event, '', 'caller_hung_up'),
  sound: (state, event) => ({ ...state, silenced: event.interrupted }),
  away: (state, event) => ({ ...state, away: event.away }),
  instead: (state, event) => ({ ...state, instead: event.words }),
  resumed: (state) => state, // the socket's
  reconnecting: (state) => state, // told late: the page knew before
  reconnected: (state) => ({ ...state, away: false }),
  gaps: (state, event) => ({ ...state, gaps: event.gaps }),
};

/** The state after an event. A newer gateway may say more than this page knows: that changes nothing. */
export function reduce(state: CallState, event: Happened): CallState {
  if (!Object.hasOwn(RULES, event.type)) return state;
  const rule = RULES[event.type] as (state: CallState, event: Happened) => CallState;
  return rule(state, event);
}

interface Where {
  readonly turn: number;
  readonly reply: number;
  readonly at: number;
}

const blank = {
  text: '',
  open: true,
  thoughts: '',
  ms: null,
  cut: null,
  heard: 0,
  coming: [],
  filler: '',
  fillerMs: null,
  by: null,
};
const same = (line: Line): Line => line;

const caller = (event: Where): Line => ({
  ...blank,
  key: `caller ${event.turn}`,
  who: 'caller',
  turn: event.turn,
  at: event.at,
});
const agent = (event: Where): Line => ({
  ...blank,
  key: `agent ${event.reply}`,
  who: 'agent',
  turn: event.turn,
  at: event.at,
});

/** Change the line of that key, or begin it. A reply that was cut stays as it was cut, whatever comes late. */
function edit(state: CallState, begun: Line, change: (line: Line) => Line): CallState {
  const known = state.lines.find((line) => line.key === begun.key);
  if (known?.cut) return state;
  const lines = known
    ? state.lines.map((line) => (line === known ? change(line) : line))
    : [...state.lines, change(begun)].slice(-LINES);
  return { ...state, lines };
}

/** Change the line of that key, if there is one. */
function amend(state: CallState, key: string, change: (line: Line) => Line): CallState {
  return {
    ...state,
    lines: state.lines.map((line) => (line.key === key && !line.cut ? change(line) : line)),
  };
}

function understood(state: CallState, event: Of<'transcript'>): CallState {
  return edit(state, caller(event), (line) => ({
    ...line,
    text: event.text || '(no speech recognised)',
    open: false,
  }));
}

function sounding(state: CallState, event: Of<'audio_started'>): CallState {
  const answers = wasAsked(state, event.turn); // nobody waited for a greeting, nor for "Are you still there?"
  const ms = answers && !event.filler ? event.latency_ms : null; // the answer's own comes with the metrics
  const times = answers ? { e2e_ms: ms } : state.times;
  const fillerMs = event.filler ? event.latency_ms : null; // the first audio, and no answer
  return { ...edit(state, agent(event), (line) => ({ ...line, ms, fillerMs })), times };
}

/** These words are in the sound that comes. Those of a filler stand apart from the answer. */
function said(state: CallState, event: Of<'agent_words'>): CallState {
  if (event.filler)
    return edit(state, agent(event), (line) => ({ ...line, filler: `${line.filler} ${event.text}`.trim() }));
  return amend(state, agent(event).key, (line) => {
    const before = line.coming.at(-1)?.characters ?? characters(line.text.slice(0, line.heard));
    const coming = { characters: before + characters(event.text), ends: event.ends };
    return { ...line, coming: [...line.coming, coming] };
  });
}

/** So much of the reply has been played: the words that ended in it have been heard. */
function heard(state: CallState, event: Of<'played'>): CallState {
  const key = `agent ${event.reply}`;
  const now = state.lines.find((line) => line.key === key)?.coming.filter((one) => one.ends <= event.seconds);
  const last = now?.at(-1);
  if (!now || !last) return state;
  return amend(state, key, (line) => ({
    ...line,
    heard: Math.max(line.heard, reach(line.text, last.characters)),
    coming: line.coming.slice(now.length),
  }));
}

/** All of the reply has been heard. */
function wholly(state: CallState, event: Of<'audio_done'>): CallState {
  return amend(state, agent(event).key, (line) => ({ ...line, heard: line.text.length, coming: [] }));
}

/** The first sound may have been "One moment, please."; the metrics tell of the answer. */
function measured(state: CallState, event: Of<'reply_metrics'>): CallState {
  return {
    ...edit(settled(state, event), agent(event), (line) => ({
      ...line,
      ms: event.e2e_ms,
      by: event.engines ?? null,
    })),
    times: event,
  };
}

/** Who answered is known of what nobody waited for, too. */
const named = (state: CallState, event: Of<'reply_metrics'>): CallState =>
  amend(state, agent(event).key, (line) => ({ ...line, by: event.engines ?? null }));

/** The turn is over: words of it that no transcript confirmed will not be confirmed any more. */
function settled(state: CallState, event: Where): CallState {
  const { key } = caller(event);
  const lines = state.lines.filter((line) => line.key !== key || line.text);
  return {
    ...state,
    lines: lines.map((line) => (line.key === key && line.open ? { ...line, open: false } : line)),
  };
}

/** The caller talked over a reply. Words of theirs that it had not understood yet come again, in their next turn. */
function cut(state: CallState, event: Of<'barge_in'>): CallState {
  const { key } = caller(event);
  const understood = { ...state, lines: state.lines.filter((line) => line.key !== key || !line.open) };
  return edit(understood, agent(event), (line) => ({
    ...line,
    open: false,
    cut: parted(line.text, event.heard),
  }));
}

/** A sound over the reply was no interruption: a note, after the reply it was said over. */
function resumed(state: CallState, event: Of<'false_interruption'>): CallState {
  const text = event.text ? `You said “${event.text}”; the agent went on.` : 'A noise; the agent went on.';
  return noteOn(state, event, 'note', text);
}

/** A note between the lines, where it happened. */
function noteOn(state: CallState, event: Where, kind: string, text: string | undefined): CallState {
  const said = state.lines.filter((line) => line.who === 'note').length;
  const note: Line = {
    ...blank,
    key: `${kind} ${event.reply} ${said} ${event.at}`,
    who: 'note',
    turn: event.turn,
    at: event.at,
    text: text ?? '',
  };
  return edit(state, note, (line) => ({ ...line, open: false }));
}

/** After a fatal error, that error says more than the end of the call does. */
function ended(state: CallState, event: { readonly seen?: number }, why: string, reason: string): CallState {
  const { began } = state;
  const lasted = began === null || event.seen === undefined ? null : (event.seen - began) / 1000;
  return {
    ...state,
    phase: state.call ? 'ended' : 'ready',
    problem: state.fatal ? state.problem : why,
    end: state.call ? { reason, seconds: lasted } : null,
    silenced: false,
    away: false,
  };
}
