import { expect, test } from 'vitest';
import type { Agent, Task, VerbatimAnswer } from '../src/schema';
import { suggestions } from '../src/talk/suggestions';

const job = (...when: string[]) => ({ when }) as unknown as Task;
const answer = (...asks: string[]) => ({ about: 'x', says: 'x', asks }) as VerbatimAnswer;
const of = (agent: Partial<Agent>) =>
  suggestions({ tasks: {}, answers: [], examples: [], ...agent } as Agent);

test('an agent is asked for its jobs first, then what it knows, then its examples', () => {
  const tasks = { visit: job('book an engineer', 'my line is dead'), order: job('where is my order') };
  const examples = [{ asks: 'Who is the king of France?', says: 'x' }];
  expect(of({ tasks, answers: [answer('are you open on Sunday')], examples })).toEqual([
    'Book an engineer',
    'Where is my order',
    'Are you open on Sunday',
    'Who is the king of France?',
  ]);
});

test('four are enough, none comes twice, and what has no question suggests none', () => {
  const answers = ['a', 'a', '', 'b', 'c', 'd', 'e'].map((asks) => answer(asks));
  expect(of({ answers: [answer(), ...answers] })).toEqual(['A', 'B', 'C', 'D']);
  expect(of({})).toEqual([]);
});
