import { expect, test } from 'vitest';
import { clock } from '../src/format';
import {
  apiQuery,
  countWords,
  filtersOf,
  readTags,
  selectionQuery,
  unansweredQuery,
} from '../src/panels/history-query';
import {
  beginOf,
  callWords,
  decisionWords,
  lineWords,
  momentsOf,
  outline,
  stretches,
} from '../src/panels/recording';
import type { KeptCall, KeptTurn } from '../src/schema';

const TURN: KeptTurn = {
  turn: 1,
  reply: 2,
  speech_began_at: 4,
  speech_ended_at: 6,
  heard_at: 6.9,
  heard: 'When?',
  said: 'At nine.',
  reached: 'At nine.',
  audio_at: 7.5,
  done_at: 9,
  cut: false,
  wasted: 0,
  engines: {},
  filler: '',
  unanswered: '',
  stages: { endpoint_ms: 600, asr_ms: 300, asr_from_ms: 200, e2e_ms: 1500 },
};

test('a waveform is an outline from its beginning to its end and back', () => {
  const path = outline([0, 100], 2, 20, 19);
  expect(path.startsWith('M0.000,19.70 1.000,19.70')).toBe(true);
  expect(path).toContain('2.000,1.00');
  expect(path.endsWith('Z')).toBe(true);
  expect(outline([], 2, 20, 19)).toBe('');
});

test('the stages of a turn stand where they were in the call', () => {
  const found = stretches([TURN]).map(({ tone, lane, from, to }) => [tone, lane, from, to]);
  expect(found).toEqual([
    ['wait', 0, 6, 6.6],
    ['stt', 1, 6.2, 6.5],
  ]);
  expect(stretches([{ ...TURN, speech_ended_at: null }])).toEqual([]);
});

test('a turn without times has no waterfall', () => {
  expect(momentsOf({ ...TURN, stages: {} }).metrics).toBeNull();
  expect(momentsOf(TURN)).toMatchObject({ speech: 2, asked: 6000, sounded: 7500, silent: 9000 });
});

test('a turn is played from its first word, whoever says it', () => {
  expect(beginOf(TURN)).toBe(4);
  expect(beginOf({ ...TURN, speech_began_at: null })).toBe(7.5);
});

test('a decision says what and why', () => {
  const decision = { at: 6.6, turn: 1, what: 'turn_ended', detector: 'evidence', reason: '' };
  expect(decisionWords({ ...decision, score: 0.914, silence_ms: 600 })).toEqual({
    what: 'End of turn',
    why: 'turn model + transcript + silence · 600 ms of silence · turn model 0.91',
  });
});

test('what an operator did in a call is said in plain words', () => {
  const decision = {
    at: 6.6,
    turn: 1,
    what: 'operator',
    detector: 'operator',
    score: null,
    silence_ms: null,
  };
  expect(decisionWords({ ...decision, reason: 'takes_over' })).toEqual({
    what: 'Operator',
    why: 'takes over',
  });
});

test('a telephone call says over which line it came, where it went, and how good the line was', () => {
  const call = { line: 'sip', direction: 'inbound', codec: 'g711_ulaw', rate: 8000, called: '+15550199' };
  const nowhere = { diverted_from: '', transferred_to: '', carrier_call_id: '' };
  const quality = { at: 9, turn: 1, what: 'line', detector: 'line', score: null, silence_ms: null };
  const measured = { ...quality, reason: '420 packets, 3 lost, jitter 4 ms' };
  expect(lineWords({ ...call, ...nowhere } as KeptCall, [measured])).toBe(
    'Inbound, line sip · g711_ulaw at 8 kHz · called +15550199 · 420 packets, 3 lost, jitter 4 ms',
  );
  const outbound = { ...call, ...nowhere, direction: 'outbound', transferred_to: '+15550111' } as KeptCall;
  expect(lineWords(outbound, [])).toContain('Outbound, line sip · ');
  expect(lineWords(outbound, [])).toContain('transferred to +15550111');
});

test('a call is told in a line', () => {
  const call = { seconds: 65, turns: 1, reason: 'caller_hung_up' } as KeptCall;
  expect(callWords(call)).toBe('1 min 5 s · 1 turn · the caller hung up');
  expect(callWords({ ...call, seconds: null, reason: '' })).toBe('active · 1 turn');
  expect(clock(65.9)).toBe('1:05');
});

test('the filters of an address are asked of the gateway, days as seconds', () => {
  const filters = filtersOf({
    search: 'a&b',
    recorded: 'true',
    from: '2026-11-24',
    to: '2026-11-24',
    t: '12',
  });
  expect(Object.keys(filters)).toEqual(['search', 'from', 'to', 'recorded']);
  const asked = new URLSearchParams(apiQuery(filters, 'before', 50));
  expect([asked.get('search'), asked.get('recorded'), asked.get('limit'), asked.get('before')]).toEqual([
    'a&b',
    'true',
    '50',
    'before',
  ]);
  expect(Number(asked.get('until')) - Number(asked.get('since'))).toBe(86_400);
  expect(apiQuery({ from: 'soon' })).toBe('');
});

test('a page says which calls it shows, of how many', () => {
  expect(countWords(0, 0, 0, false)).toBe('No calls are kept yet.');
  expect(countWords(0, 0, 0, true)).toBe('No matching calls.');
  expect(countWords(50, 50, 10_000, false)).toBe('Calls 51 to 100 of 10,000');
});

test('tags are written with commas, each once', () => {
  expect(readTags(' sales,  call  back ,, sales')).toEqual(['sales', 'call back']);
  expect(readTags('')).toEqual([]);
});

test('questions are asked for by their reason and from a day on', () => {
  expect(unansweredQuery({}, 3_000_000)).toBe('limit=200&since=408000');
  expect(unansweredQuery({ since: 'all', why: 'not_known' }, 3_000_000)).toBe('limit=200&why=not_known');
  expect(unansweredQuery({ since: 'week', why: 'nonsense' }, 3_000_000)).toBe('limit=200&since=2395200');
});

test('an export of selected calls names them', () => {
  expect(selectionQuery(['a', 'b'])).toBe('ids=a%2Cb');
});
