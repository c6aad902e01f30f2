import { describe, expect, test } from 'vitest';
import { parted } from '../src/call/heard';
import { reduce as next } from '../src/call/reducer';
import { type CallState, type Happened, idle } from '../src/call/state';
import type { Ready } from '../src/schema';

const ready: Ready = {
  type: 'ready',
  call_id: 'c',
  codec: 'pcm',
  sample_rate: 48_000,
  engines: {},
  answering: {},
  resume_token: '',
  resume_s: 0,
};

/** What the page shows after these events of a call. */
const shown = (...events: Happened[]): CallState => [ready, ...events].reduce(next, idle);

const at = (turn = 1, reply = 1) => ({ turn, reply, at: 0 });
const says = (token: string, number = 1): Happened => ({ type: 'llm_token', token, ...at(number, number) });
const none = {
  endpoint_ms: null,
  asr_ms: null,
  llm_first_ms: null,
  llm_ms: null,
  tts_first_ms: null,
  tts_ms: null,
  e2e_ms: null,
  asr_from_ms: null,
  llm_from_ms: null,
  tts_from_ms: null,
  wasted: 0,
  wasted_ms: null,
  wasted_from_ms: null,
  engines: {},
};
const texts = (state: CallState, who: string) =>
  state.lines.filter((line) => line.who === who).map((line) => line.text);

test.each([
  ['We are open. From nine.', 'We are open.', 'We are open. ', 'From nine.'],
  ['We are  open.\nFrom nine.', 'We are open.', 'We are open.\n', 'From nine.'],
  ['We are open.', '', '', 'We are open.'],
  ['We are open.', 'We are open.', 'We are open.', ''],
  ['We are open. From', 'We are open. Sorry.', 'We are open. Sorry. ', 'From'],
  ['We are open.', 'Sorry.', 'Sorry. ', 'We are open.'],
  ['From 9-18.', 'From 9', 'From 9', '-18.'],
  ['', 'Hello, this is', 'Hello, this is ', ''],
])('%j is parted where the caller stopped hearing it, after %j', (text, whole, heard, rest) => {
  expect(parted(text, whole)).toEqual({ heard, rest });
});

test("a filler is no part of the answer, and its latency is not the answer's", () => {
  const told: Happened[] = [
    { type: 'transcript', text: 'When?', latency_ms: 1, ...at() },
    { type: 'audio_started', latency_ms: 700, filler: true, ...at() },
    { type: 'agent_words', text: 'Let me see. ', ends: 0.9, filler: true, ...at() },
  ];
  const [, line] = shown(...told).lines;
  expect(line).toMatchObject({ ms: null, coming: [], text: '', filler: 'Let me see.', fillerMs: 700 });
  expect(shown(...told, { type: 'reply_metrics', ...none, e2e_ms: 2900, ...at() }).times?.e2e_ms).toBe(2900);
});

describe('a cut reply', () => {
  test('stays as it was heard, whatever comes late', () => {
    const told: Happened[] = [says('We are open. '), { type: 'barge_in', heard: 'We are', ...at() }];
    const late: Happened[] = [
      says('From nine.'),
      { type: 'reply_text', text: 'We are open. From nine.', ...at() },
    ];
    expect(shown(...told, ...late).lines).toEqual(shown(...told).lines);
  });

  test('leaves words that nobody understood to the next turn', () => {
    const state = shown(
      { type: 'turn_started', ...at(1, 0) },
      { type: 'partial_transcript', text: 'I have a', ...at() },
      { type: 'turn_started', ...at(2, 0) },
      { type: 'barge_in', heard: '', ...at() },
      { type: 'transcript', text: 'I have a question.', latency_ms: 1, ...at(2, 2) },
    );
    expect(texts(state, 'caller')).toEqual(['I have a question.']);
  });
});

test('a sound without words goes back to listening', () => {
  const state = shown(
    { type: 'turn_started', ...at(1, 0) },
    { type: 'turn_ended', by: 'silence', score: null, silence_ms: 1000, ...at(1, 0) },
    { type: 'transcript', text: '', latency_ms: 1, ...at() },
    { type: 'reply_metrics', ...none, asr_ms: 1, ...at() },
  );
  expect(state.phase).toBe('listening');
  expect(texts(state, 'caller')).toEqual(['(no speech recognised)']);
  expect(state.times).toEqual({});
});

test('the greeting has no latency', () => {
  const state = shown(
    { type: 'audio_started', latency_ms: 50, filler: false, ...at(0) },
    { type: 'audio_done', ...at(0) },
  );
  expect(state.times).toEqual({});
  expect(state.lines[0]?.ms).toBeNull();
});

test('the time of a greeting is no response time, whatever its metrics say', () => {
  const state = shown(says('Hello.', 0), { type: 'reply_metrics', ...none, e2e_ms: 10, ...at(0, 0) });
  expect([state.lines[0]?.ms, state.times]).toEqual([null, {}]);
});

test('what is said unasked is no answer: it has no latency and no bars', () => {
  const unasked = [
    { type: 'audio_started', latency_ms: 1, filler: false, ...at(2, 2), seen: 10 },
    { type: 'audio_done', ...at(2, 2), seen: 20 },
    { type: 'reply_metrics', ...none, tts_ms: 9, ...at(2, 2), seen: 30 },
  ] as const;
  const state = shown(...unasked);
  expect([state.times, state.turns, state.lines[0]?.ms]).toEqual([{}, [], null]);
});

test('the latency is that of the answer, not of a word that asked to wait', () => {
  const state = shown(
    { type: 'audio_started', latency_ms: 1600, filler: false, ...at() },
    { type: 'audio_done', ...at() },
    { type: 'reply_metrics', ...none, e2e_ms: 2500, ...at() },
  );
  expect([state.lines[0]?.ms, state.times.e2e_ms]).toEqual([2500, 2500]);
});

test('an error that ends the call is not talked over by its end', () => {
  const fatal: Happened = {
    type: 'error',
    at: 0,
    code: 'too_fast',
    message: 'sound came too fast',
    fatal: true,
  };
  const passing: Happened = { ...fatal, message: 'the voice failed', fatal: false };
  expect(shown(fatal, { type: 'ended', at: 0, reason: 'too_fast' }).problem).toBe('sound came too fast');
  expect(shown(passing, { type: 'lost' }).problem).toContain('lost');
});

test('a reason that is new to the page is told as it is', () => {
  expect(shown({ type: 'ended', at: 0, reason: 'new_reason' } as unknown as Happened).problem).toContain(
    'new reason',
  );
});

test('an event that is new to the page changes nothing', () => {
  const state = shown();
  for (const type of ['surprise', 'toString', '__proto__']) {
    expect(next(state, { type } as unknown as Happened)).toBe(state);
  }
});

test('a very long call keeps its last two hundred lines and fifty turns', () => {
  const events = Array.from({ length: 250 }, (_, index) => index + 1).flatMap((turn): Happened[] => [
    { type: 'transcript', text: 'x', latency_ms: 1, ...at(turn, turn) },
    { type: 'audio_started', latency_ms: 1, filler: false, ...at(turn, turn), seen: turn },
  ]);
  const state = shown(...events);
  expect(state.lines).toHaveLength(200);
  expect(state.lines.at(-1)?.key).toBe('agent 250');
  expect(state.turns).toHaveLength(50);
});

test('a sound over the reply is noted, and the reply goes on', () => {
  const state = shown(says('We are open.'), { type: 'false_interruption', text: 'mm-hm', ...at() });
  expect(state.phase).toBe('speaking');
  expect(texts(state, 'note')[0]).toContain('mm-hm');
  expect(texts(shown({ type: 'false_interruption', text: '', ...at() }), 'note')[0]).toContain('noise');
});

describe('the words of a reply', () => {
  const word = (text: string, ends: number): Happened => ({
    type: 'agent_words',
    text,
    ends,
    filler: false,
    ...at(),
  });
  const played = (seconds: number): Happened => ({ type: 'played', reply: 1, seconds });
  const heard = (...events: Happened[]): string => {
    const line = shown(...events).lines[0];
    return line?.text.slice(0, line.heard) ?? '';
  };
  const text = 'We **are** open from nine.';
  const words = [word('We **are** ', 0.5), word('open ', 0.8), word('from nine.', 1.2)];

  test('are heard when the sound they are in has been played', () => {
    expect(heard(says(text), ...words)).toBe('');
    expect(heard(says(text), ...words, played(0.49))).toBe('');
    expect(heard(says(text), ...words, played(0.5))).toBe('We **are**');
    expect(heard(says(text), ...words, played(0.9))).toBe('We **are** open');
    expect(heard(says(text), ...words, played(9))).toBe(text);
    expect(heard(says(text), { type: 'audio_done', ...at() })).toBe(text);
  });

  test('that come after others were heard go on from them', () => {
    const [first, ...others] = words as [Happened, ...Happened[]];
    expect(heard(says(text), first, played(0.6), ...others, played(0.9))).toBe('We **are** open');
  });

  test('are never unheard again', () => {
    expect(heard(says(text), ...words, played(0.9), played(0.1))).toBe('We **are** open');
  });

  test('wait no longer once they were heard', () => {
    expect(shown(says(text), ...words, played(0.9)).lines[0]?.coming).toHaveLength(1);
    expect(shown(says(text), ...words, played(9)).lines[0]?.coming).toEqual([]);
  });
});

test('a call that ended says why and how long it was', () => {
  const told: Happened[] = [
    { ...ready, seen: 1000 },
    { type: 'ended', at: 64, reason: 'caller_silent', seen: 66_000 },
  ];
  const state = told.reduce(next, idle);
  expect(state.end).toEqual({ reason: 'caller_silent', seconds: 65 });
  expect(state.problem).toBe('Call ended: the caller was silent. Press Start call to call again.');
  expect(next(idle, { type: 'failed', words: 'No microphone.' }).end).toBeNull();
});

test('sound that the system took away is told until it is back or the call is over', () => {
  const taken = shown({ type: 'sound', interrupted: true });
  expect(taken.silenced).toBe(true);
  expect(next(taken, { type: 'sound', interrupted: false }).silenced).toBe(false);
  expect(next(taken, { type: 'stopped' }).silenced).toBe(false);
});

test('what came of a transfer is a note', () => {
  const done = { type: 'transfer_done', to: '100', turn: 1, reply: 1, at: 0 } as const;
  expect(texts(shown({ ...done, result: 'transferred' }), 'note')).toEqual([
    'The caller was put through to 100.',
  ]);
  expect(texts(shown({ ...done, to: '', result: 'no_answer' }), 'note')).toEqual([
    'The transfer failed: nobody answered.',
  ]);
});

test('why a call is carried otherwise stands until the next one', () => {
  const otherwise = next(next(idle, { type: 'connecting' }), { type: 'instead', words: 'No UDP.' });
  expect(otherwise.instead).toBe('No UDP.');
  expect(next(otherwise, ready).instead).toBe('No UDP.');
  expect(next(otherwise, { type: 'connecting' }).instead).toBe('');
});
