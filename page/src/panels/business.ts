/** What is done for a caller, as the events of a call tell it: tasks, slots, tools. Pure. */

import type { KeptSlot, KeptToolCall, ServerMessage, WholeCall } from '../schema';
import type { Mood } from './words';

/** A tool call, live or kept. */
export type ToolRow = Pick<
  KeptToolCall,
  'number' | 'at' | 'tool' | 'effect' | 'state' | 'arguments' | 'gives' | 'why' | 'ms' | 'heard'
>;
export type SlotRow = Pick<KeptSlot, 'slot' | 'value' | 'sure'>;

export interface Business {
  readonly tasks: readonly { readonly task: string; readonly state: string }[];
  readonly slots: readonly SlotRow[];
  readonly tools: readonly ToolRow[];
}

export const nothing: Business = { tasks: [], slots: [], tools: [] };

/** After an event of the call. */
export function businessAfter(before: Business, event: ServerMessage): Business {
  switch (event.type) {
    case 'task':
      return { ...before, tasks: put(before.tasks, event, (one) => one.task === event.task) };
    case 'slot':
      return { ...before, slots: put(before.slots, event, (one) => one.slot === event.slot) };
    case 'tool': {
      const known = before.tools.find((one) => one.number === event.number);
      const { state } = event;
      const row: ToolRow =
        state === 'told' // what came of it was said before; now the caller has heard it
          ? { ...(known ?? { ...event, state: 'ok' }), heard: true }
          : { ...event, state, heard: known?.heard ?? false };
      return { ...before, tools: put(before.tools, row, (one) => one.number === event.number) };
    }
    default:
      return before;
  }
}

/** The business of a kept call; of each task and slot the last word counts. */
export function keptBusiness(call: Pick<WholeCall, 'tasks' | 'slots' | 'tool_calls'>): Business {
  const tasks = call.tasks.reduce<Business['tasks']>(
    (all, one) => put(all, one, (other) => other.task === one.task),
    [],
  );
  return { tasks, slots: call.slots, tools: call.tool_calls };
}

export const isEmpty = ({ tasks, slots, tools }: Business): boolean =>
  tasks.length + slots.length + tools.length === 0;

function put<T>(all: readonly T[], fresh: T, same: (one: T) => boolean): readonly T[] {
  return all.some(same) ? all.map((one) => (same(one) ? fresh : one)) : [...all, fresh];
}

const TOOL: Record<ToolRow['state'], { mood: Mood; words: string }> = {
  running: { mood: 'warn', words: 'running' },
  ok: { mood: 'good', words: 'done' },
  refused: { mood: 'warn', words: 'refused' },
  failed: { mood: 'bad', words: 'failed' },
  timeout: { mood: 'bad', words: 'timed out' },
  unknown: { mood: 'bad', words: 'not known whether it worked' },
};

/** How a tool call stands. */
export function toolWords(tool: ToolRow): { mood: Mood; words: string } {
  const { mood, words } = TOOL[tool.state] ?? { mood: 'none', words: tool.state };
  const ms = tool.ms === null ? '' : ` in ${Math.round(tool.ms).toLocaleString('en')} ms`;
  const heard =
    tool.effect === 'writes' && tool.state !== 'running'
      ? tool.heard
        ? ', the caller knows'
        : ', the caller has not heard it'
      : '';
  return { mood, words: `${words}${ms}${heard}${tool.why && `: ${tool.why}`}` };
}

/** Arguments or answers: "day = Monday, name = Ann". */
export const pairWords = (pairs: Readonly<Record<string, string>>): string =>
  Object.entries(pairs)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ');

const TASK: Record<string, string> = { begun: 'under way', resumed: 'under way again', over: 'over' };

export const taskWords = (state: string): string => TASK[state] ?? state;
