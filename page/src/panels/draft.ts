/** The agent as it is being edited. Pure. */

import type { Agent, Example, VerbatimAnswer } from '../schema';
import { TEXTS } from './agent-words';

// What the gateway takes (agents/agent.py).
const LONGEST = {
  name: 200,
  prompt: 20_000,
  greeting: 1000,
  unknown: 1000,
  transfer: 1000,
  no_transfer: 1000,
  reprompt: 1000,
  goodbye: 1000,
  farewell: 1000,
};
const LONGEST_ANSWER = { about: 200, says: 1000, asks: 300 };
const MOST_ASKS = 20; // questions of one answer
const MOST_ANSWERS = 500;
const LONGEST_FACT = 2000; // characters
const MOST_FACTS = 500;
const MOST_EXAMPLES = 50;
export const MOST_BYTES = 96 * 1024; // of the whole agent
const CHARACTERS_A_TOKEN = 4; // of English; a model's own tokens differ by a tenth or two

/** What is wrong with a draft, by its field; `facts.2` is the third fact. None: it can be saved. */
export function faults(agent: Agent): Record<string, string> {
  const found: Record<string, string> = {};
  if (!agent.name.trim()) found.name = 'Name is required.';
  if (!agent.prompt.trim())
    found.prompt = 'Prompt is required: without it the agent does not know what it is for.';
  for (const field of Object.keys(LONGEST) as (keyof typeof LONGEST)[])
    if (agent[field].length > LONGEST[field]) found[field] = tooLong(agent[field], LONGEST[field]);
  for (const [at, fact] of agent.facts.entries())
    if (fact.trim().length > LONGEST_FACT) found[`facts.${at}`] = tooLong(fact, LONGEST_FACT);
  const facts = agent.facts.filter((fact) => fact.trim()).length;
  if (facts > MOST_FACTS) found.facts = `These are ${facts} facts: ${MOST_FACTS} at most.`;
  if (agent.examples.length > MOST_EXAMPLES)
    found.examples = `These are ${agent.examples.length} examples: ${MOST_EXAMPLES} at most.`;
  if (!agent.transfer.trim())
    found.transfer = 'Transfer message is required: callers who ask for a person need an answer.';
  for (const [at, example] of agent.examples.entries()) {
    const half = !example.asks.trim() !== !example.says.trim();
    if (half)
      found[`examples.${at}`] = 'An example needs both: what the caller asks and what the agent says.';
    const longest = Math.max(example.asks.length, example.says.length);
    if (longest > LONGEST_FACT) found[`examples.${at}`] = tooLong(' '.repeat(longest), LONGEST_FACT);
  }
  for (const [at, answer] of agent.answers.entries()) {
    const fault = answerFault(answer);
    if (fault) found[`answers.${at}`] = fault;
  }
  if (agent.answers.length > MOST_ANSWERS)
    found.answers = `These are ${agent.answers.length} answers: ${MOST_ANSWERS} at most.`;
  const bytes = sizeOf(agent).bytes;
  if (bytes > MOST_BYTES)
    found.whole = `The agent has ${bytes} bytes: ${MOST_BYTES} at most. Shorten its prompt, facts and examples.`;
  return found;
}

function answerFault(answer: VerbatimAnswer): string {
  if (isBlank(answer)) return '';
  if (!answer.about.trim() || !answer.says.trim())
    return 'An answer needs both: its subject and what the agent says.';
  const asks = answer.asks.filter((one) => one.trim());
  if (asks.length > MOST_ASKS) return `These are ${asks.length} questions: ${MOST_ASKS} at most.`;
  if (answer.about.length > LONGEST_ANSWER.about) return tooLong(answer.about, LONGEST_ANSWER.about);
  if (answer.says.length > LONGEST_ANSWER.says) return tooLong(answer.says, LONGEST_ANSWER.says);
  const long = asks.find((one) => one.trim().length > LONGEST_ANSWER.asks);
  return long ? tooLong(long, LONGEST_ANSWER.asks) : '';
}

const isBlank = (answer: VerbatimAnswer): boolean =>
  [answer.about, answer.says, ...answer.asks].every((text) => !text.trim());

const tooLong = (text: string, most: number): string =>
  `This is ${(text.length - most).toLocaleString('en')} characters too long: ${most.toLocaleString('en')} at most.`;

/** A refusal of the gateway's, at the field that it names; `whole` where it names none. */
export function faultOf(message: string): Record<string, string> {
  const [, field = '', at = ''] =
    /^(?:the agent: )?([a-z_]+)(?:\[(\d+)\]|\[\.\.\.\])?(?:\.\w+)?(?:: | = )/.exec(message) ?? [];
  const known = ['facts', 'examples', 'answers', 'documents', ...Object.keys(LONGEST), ...PLAIN];
  if (!known.includes(field)) return {};
  return { [at ? `${field}.${at}` : field]: message };
}

/** Opening hours as they are written, a line each. */
export const hoursLines = (hours: Readonly<Record<string, string>>): string =>
  Object.entries(hours)
    .map(([days, times]) => `${days} = ${times}`)
    .join('\n');

/** Opening hours of such lines; `wrong` are those that are none. */
export function readHours(written: string): { hours: Record<string, string>; wrong: string[] } {
  const lines = written.split('\n').filter((line) => line.trim());
  const parts = lines.map((line) => ({ line, read: /^\s*"?([^="]+?)"?\s*=\s*"?([^"]+?)"?\s*$/.exec(line) }));
  return {
    hours: Object.fromEntries(parts.flatMap(({ read }) => (read ? [[read[1], read[2]]] : []))),
    wrong: parts.flatMap(({ line, read }) => (read ? [] : [line.trim()])),
  };
}

/** How large an agent is, and about how many tokens a model reads before each call's first words. */
export function sizeOf(agent: Agent): { bytes: number; tokens: number } {
  const { prompt, greeting, facts, answers, examples } = tidy(agent);
  const known = answers.flatMap((one) => [one.about, one.says]);
  const read = [prompt, greeting, ...known, ...facts, ...examples.flatMap((one) => [one.asks, one.says])];
  const characters = read.reduce((sum, text) => sum + text.length, 0);
  return {
    bytes: new TextEncoder().encode(JSON.stringify(tidy(agent))).length,
    tokens: Math.ceil(characters / CHARACTERS_A_TOKEN),
  };
}

/** The draft as it is sent: without what was left empty. */
export function tidy(agent: Agent): Agent {
  const blank = (example: Example) => !example.asks.trim() && !example.says.trim();
  return {
    ...agent,
    facts: agent.facts.map((fact) => fact.trim()).filter(Boolean),
    answers: agent.answers
      .filter((answer) => !isBlank(answer))
      .map((answer) => ({
        about: answer.about.trim(),
        says: answer.says.trim(),
        asks: answer.asks.map((one) => one.trim()).filter(Boolean),
      })),
    documents: agent.documents.map((one) => one.trim()).filter(Boolean),
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
      typeof one?.prompt === 'string' &&
      [one.facts, one.examples, one.answers, one.documents].every(Array.isArray);
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

const PLAIN = ['language', 'locale', 'timezone', 'hours'] as const;
const FIELDS = [
  ['name', TEXTS.name.words],
  ['prompt', TEXTS.prompt.words],
  ['greeting', TEXTS.greeting.words],
  ['facts', 'Facts'],
  ['examples', 'Examples'],
  ['unknown', TEXTS.unknown.words],
  ['transfer', TEXTS.transfer.words],
  ['no_transfer', TEXTS.no_transfer.words],
  ['reprompt', TEXTS.reprompt.words],
  ['goodbye', TEXTS.goodbye.words],
  ['farewell', TEXTS.farewell.words],
] as const;
const SHOWN: readonly string[] = FIELDS.map(([field]) => field);

/** What two agents are told differently, line by line. */
export function differences(before: Agent, now: Agent): Difference[] {
  const lines = (agent: Agent, field: (typeof FIELDS)[number][0]): string[] => {
    const value = tidy(agent)[field];
    if (typeof value === 'string') return value.split('\n').filter(Boolean);
    return value.map((one) => (typeof one === 'string' ? one : `${one.asks} → ${one.says}`));
  };
  const parted = (words: string, old: readonly string[], fresh: readonly string[]): Difference[] => {
    const gone = old.filter((line) => !fresh.includes(line));
    const come = fresh.filter((line) => !old.includes(line));
    return gone.length + come.length > 0 ? [{ field: words, gone, come }] : [];
  };
  const others = Object.keys({ ...before, ...now }).filter((field) => !SHOWN.includes(field));
  const other = (agent: Agent, field: string) => plainLines(agent[field as keyof Agent]);
  return [
    ...FIELDS.flatMap(([field, words]) => parted(words, lines(before, field), lines(now, field))),
    ...others.flatMap((field) => parted(field, other(before, field), other(now, field))),
  ];
}

/** What a field that the editor does not know says, a line for each of its things. */
function plainLines(value: unknown): string[] {
  if (value === undefined || value === null || value === '') return [];
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  if (typeof value === 'object')
    return Object.entries(value).map(
      ([name, one]) => `${name} = ${typeof one === 'string' ? one : JSON.stringify(one)}`,
    );
  return [String(value)];
}

/** Whether two agents are told the same. */
export function alike(one: Agent, other: Agent): boolean {
  const told = (agent: Agent) => {
    const all = Object.entries(tidy(agent)).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify(all);
  };
  return told(one) === told(other);
}
