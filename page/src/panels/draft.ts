/** The agent as it is being edited. Pure. */

import type { Agent, Example } from '../schema';

export const LONGEST = 20_000; // characters of any one text

/** What is wrong with a draft, by its field; `facts.2` is the third fact. None: it can be saved. */
export function faults(agent: Agent): Record<string, string> {
  const found: Record<string, string> = {};
  if (!agent.name.trim()) found.name = 'The desk needs a name.';
  if (!agent.prompt.trim()) found.prompt = 'Without a prompt the agent does not know what it is for.';
  for (const field of ['name', 'prompt', 'greeting', 'transfer', 'reprompt', 'goodbye'] as const) {
    const over = agent[field].length - LONGEST;
    if (over > 0) found[field] = `This is ${over} characters too long: ${LONGEST} at most.`;
  }
  if (!agent.transfer.trim()) found.transfer = 'Callers who ask for a person need an answer.';
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

/** Whether two agents are told the same. */
export function alike(one: Agent, other: Agent): boolean {
  const told = (agent: Agent) => {
    const { name, prompt, greeting, facts, examples, transfer, reprompt, goodbye } = tidy(agent);
    const shown = examples.map(({ asks, says }) => [asks, says]);
    return JSON.stringify([name, prompt, greeting, facts, shown, transfer, reprompt, goodbye]);
  };
  return told(one) === told(other);
}
