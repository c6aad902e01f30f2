import { expect, test } from 'vitest';
import { alarm, sinceOf } from '../src/panels/live';
import type { ActiveCall } from '../src/schema';

const call: ActiveCall = {
  id: 'a',
  line: 'browser',
  direction: 'inbound',
  caller: '',
  called: '',
  asked_for_person: false,
  unanswered: 0,
  fallbacks: 0,
  taken_over: false,
  listeners: 0,
  answered_as: null,
  codec: 'pcm',
  state: 'thinking',
  seconds: 9,
  turns: 1,
  engines: {},
  answered: {},
  last_e2e_ms: null,
};

test('how long a call stands so is counted from where it was first seen so', () => {
  const at = (seconds: number, id = 'a') => ({ ...call, id, seconds });
  const first = sinceOf(new Map(), [at(10)]);
  const later = sinceOf(first, [at(13), at(2, 'b')]);
  expect([later.get('a')?.seconds, later.get('b')?.seconds]).toEqual([3, 0]);
  expect(sinceOf(later, [{ ...at(14), state: 'speaking' }]).get('a')?.seconds).toBe(0);
  expect(sinceOf(later, []).size).toBe(0);
});

test.each([
  [call, 1, undefined],
  [call, 2.5, 'warn'],
  [call, 4, 'bad'],
  [{ ...call, state: 'listening' as const }, 14, undefined],
  [{ ...call, state: 'listening' as const }, 31, 'bad'],
  [{ ...call, state: 'speaking' as const, last_e2e_ms: 2100 }, 0, 'warn'],
  [{ ...call, state: 'speaking' as const, last_e2e_ms: 4100 }, 99, 'bad'],
])('a call alarms when its caller waits too long', (now, seconds, mood) => {
  expect(alarm(now, seconds)?.mood).toBe(mood);
});
