import { expect, test } from 'vitest';
import {
  businessAfter,
  isEmpty,
  keptBusiness,
  nothing,
  pairWords,
  taskWords,
  toolWords,
} from '../src/panels/business';
import type { ServerMessage, ToolCalled } from '../src/schema';

const where = { at: 9, turn: 1, reply: 1 };
const tool: ToolCalled = {
  ...where,
  type: 'tool',
  number: 1,
  tool: 'book_visit',
  effect: 'writes',
  state: 'running',
  arguments: { day: 'Monday' },
  gives: {},
  why: '',
  key: 'k',
  ms: null,
};
const after = (...events: ServerMessage[]) => events.reduce(businessAfter, nothing);

test('a tool is one row from its beginning until the caller has heard what came of it', () => {
  const done: ToolCalled = { ...tool, state: 'ok', ms: 1240, gives: { number: '7' } };
  const told: ToolCalled = { ...tool, state: 'told' };
  expect(after(tool).tools).toMatchObject([{ state: 'running', heard: false }]);
  expect(after(tool, done).tools).toMatchObject([{ state: 'ok', heard: false, gives: { number: '7' } }]);
  expect(after(tool, done, told).tools).toMatchObject([{ state: 'ok', heard: true, gives: { number: '7' } }]);
  expect(after(tool, { ...tool, number: 2 }).tools).toHaveLength(2);
});

test('how a tool stands is told with its time, its reason and whether the caller knows', () => {
  const row = { ...tool, state: 'ok' as const, ms: 1240, heard: false };
  expect(toolWords(row)).toEqual({ mood: 'good', words: 'done in 1,240 ms, the caller has not heard it' });
  expect(toolWords({ ...row, heard: true }).words).toBe('done in 1,240 ms, the caller knows');
  expect(toolWords({ ...row, effect: 'reads', state: 'failed', ms: null, why: 'no such order' })).toEqual({
    mood: 'bad',
    words: 'failed: no such order',
  });
  expect(toolWords({ ...row, state: 'running', ms: null }).words).toBe('running');
  expect(pairWords({ day: 'Monday', name: 'Ann' })).toBe('day = Monday, name = Ann');
});

test('of a slot and of a task the last word counts', () => {
  const slot = { ...where, type: 'slot', slot: 'day', by: 'speech' } as const;
  const business = after(
    { ...where, type: 'task', task: 'visit', state: 'begun' },
    { ...slot, value: 'Sunday', sure: false },
    { ...slot, value: 'Monday', sure: true },
    { ...where, type: 'task', task: 'visit', state: 'over' },
  );
  expect(business.slots).toMatchObject([{ slot: 'day', value: 'Monday', sure: true }]);
  expect(business.tasks.map((one) => taskWords(one.state))).toEqual(['over']);
  expect(isEmpty(nothing)).toBe(true);
  expect(isEmpty(business)).toBe(false);
  const kept = keptBusiness({
    tasks: [
      { at: 1, turn: 1, task: 'visit', state: 'begun' },
      { at: 2, turn: 2, task: 'visit', state: 'over' },
    ],
    slots: [],
    tool_calls: [],
  });
  expect(kept.tasks).toHaveLength(1);
});
