/** The agent as it is being edited. Pure. */

import type { Agent, Example } from '../schema';

export const LONGEST = 20_000; // characters of any one text

/** What is wrong with a draft, by its field; `facts.2` is the third fact. None: it can be saved. */
export function faults(agent: Agent): Record<string, string> {
  const found: Record<string, string> = {};
  if (!agent.name.trim()) found.name = 'Name is required.';
  if (!agent.prompt.trim())
    found.prompt = 'Prompt is required: without it the agent does not know what it is for.';
  for (const field of ['name', 'prompt', 'greeting', 'transfer', 'reprompt', 'goodbye'] as const) {
    const over = agent[field].length - LONGEST;
    if (over > 0) found[field] = `This is ${over} characters too long: ${LONGEST} at most.`;
  }
  if (!agent.transfer.trim())
    found.transfer = 'Transfer message is required: callers who ask for a person need an answer.';
  for (const [at, example] of agent.examples.entries()) {
    const half = !example.asks.trim() !== !example.says.trim();
    if (half)
      found[`examples.${at}`] = 'An example needs both: what the caller asks and what the agent says.';
  }
  return found;
}

/** The draft as it is sent: without what was left empty. */
export function tidy(agent: Agent): Agent {
  const blank = (example: Example) => !example.asks.trim() && !example.says.trim();
  return {
    ...agent,
    facts: agent.facts.map((fact) => fact.trim()).filter(Boolean),
    examples: agent.examples.filter((example) => !blank(example)),
  };
}

export interface Draft {
  agent: Agent | null;
  /** The agent as it was saved when the writing began. */
  from: Agent | null;
  /** The id of that version. */
  of: string;
}

/** A draft as the tab kept it; one that cannot be read is none. */
export function readDraft(raw: string | null): Draft {
  const none = { agent: null, from: null, of: '' };
  try {
    const kept = JSON.parse(raw ?? 'null') as Draft | null;
    const whole = (one: Agent | null | undefined): one is Agent =>
      typeof one?.prompt === 'string' && Array.isArray(one.facts) && Array.isArray(one.examples);
    if (!kept || !whole(kept.agent) || !whole(kept.from)) return none;
    return { agent: kept.agent, from: kept.from, of: String(kept.of ?? '') };
  } catch {
    return none;
  }
}

/** The draft after a save: what was typed since it was sent stays, the rest is as the gateway has it. */
export function afterSave(typed: Agent, sent: Agent, saved: Agent): Agent {
  const same = (field: keyof Agent) => JSON.stringify(typed[field]) === JSON.stringify(sent[field]);
  const fields = Object.keys(saved) as (keyof Agent)[];
  return Object.fromEntries(
    fields.map((field) => [field, same(field) ? saved[field] : typed[field]]),
  ) as unknown as Agent;
}

export interface Difference {
  readonly field: string;
  readonly gone: readonly string[];
  readonly come: readonly string[];
}

const FIELDS = [
  ['name', 'Agent name'],
  ['prompt', 'Prompt'],
  ['greeting', 'Greeting'],
  ['facts', 'Facts'],
  ['examples', 'Examples'],
  ['transfer', 'Transfer message'],
  ['reprompt', 'Silence prompt'],
  ['goodbye', 'Goodbye'],
] as const;

/** What two agents are told differently, line by line. */
export function differences(before: Agent, now: Agent): Difference[] {
  const lines = (agent: Agent, field: (typeof FIELDS)[number][0]): string[] => {
    const value = tidy(agent)[field];
    if (typeof value === 'string') return value.split('\n').filter(Boolean);
    return value.map((one) => (typeof one === 'string' ? one : `${one.asks} → ${one.says}`));
  };
  return FIELDS.flatMap(([field, words]) => {
    const [old, fresh] = [lines(before, field), lines(now, field)];
    const gone = old.filter((line) => !fresh.includes(line));
    const come = fresh.filter((line) => !old.includes(line));
    return gone.length + come.length > 0 ? [{ field: words, gone, come }] : [];
  });
}

/** Whether two agents are told the same. */
export function alike(one: Agent, other: Agent): boolean {
  const told = (agent: Agent) => {
    const all = Object.entries(tidy(agent)).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify(all);
  };
  return told(one) === told(other);
}
