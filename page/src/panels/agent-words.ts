/** What the texts of an agent are called, and what is said of each: in the editor and where versions are compared. */

import type { Agent } from '../schema';

export type TextField = Extract<
  keyof Agent,
  | 'name'
  | 'prompt'
  | 'greeting'
  | 'unknown'
  | 'transfer'
  | 'no_transfer'
  | 'reprompt'
  | 'goodbye'
  | 'farewell'
>;

interface TextWords {
  readonly words: string;
  readonly rows: number;
  readonly about?: string;
}

export const TEXTS: Record<TextField, TextWords> = {
  name: { words: 'Agent name', rows: 1 },
  prompt: {
    words: 'Prompt',
    rows: 8,
    about:
      'Who the agent is, and how it speaks. What it says is heard, not read: ask for short plain sentences.',
  },
  greeting: {
    words: 'Greeting',
    rows: 2,
    about: 'Spoken at the start of a call; leave empty for none.',
  },
  unknown: {
    words: 'When nothing is known',
    rows: 2,
    about:
      'Said by rule where neither answers nor facts nor documents are about the question; leave empty to let the model answer.',
  },
  transfer: { words: 'Transfer message', rows: 2 },
  no_transfer: {
    words: 'Where no transfer is possible',
    rows: 2,
    about: 'Said in place of the transfer message on lines that cannot transfer.',
  },
  reprompt: {
    words: 'Silence prompt',
    rows: 2,
    about: 'Asked once of a silent caller; leave empty for none.',
  },
  goodbye: {
    words: 'Goodbye before hanging up',
    rows: 2,
    about: 'Said to a caller who stays silent, before the line is hung up; leave empty to stay on the line.',
  },
  farewell: {
    words: 'Farewell',
    rows: 2,
    about:
      'Said when the caller says goodbye, before the line is hung up; leave empty to let the model answer.',
  },
};

/** A list in the editor: one of its things changed, gone, or a further one. */
export function listOf<T extends object>(all: () => readonly T[], put: (now: T[]) => void) {
  return {
    change: (at: number, part: Partial<T>) =>
      put(all().map((one, i) => (i === at ? { ...one, ...part } : one))),
    drop: (at: number) => put(all().filter((_, i) => i !== at)),
    add: (fresh: T) => put([...all(), fresh]),
  };
}
