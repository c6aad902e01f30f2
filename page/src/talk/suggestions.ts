/** What one might ask an agent. Pure. */

import type { Agent } from '../schema';

const MOST = 4; // questions

/** Its jobs first, then what it answers by rule, then the examples of its prompt; as sentences, each once. */
export function suggestions(agent: Pick<Agent, 'tasks' | 'answers' | 'examples'>): string[] {
  const asked = [
    ...Object.values(agent.tasks).map((task) => task.when[0]),
    ...agent.answers.map((answer) => answer.asks[0]),
    ...agent.examples.map((example) => example.asks),
  ].flatMap((question) => (question?.trim() ? [sentence(question.trim())] : []));
  return [...new Set(asked)].slice(0, MOST);
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
