import { createSignal } from 'solid-js';

const KEPT = 'lineside key'; // in this tab's sessionStorage, and nowhere else

/** A question for the key: why it is asked, and who waits for the answer. */
interface Question {
  readonly why: string;
  readonly answer: (given: boolean) => void;
}

const [question, setQuestion] = createSignal<Question | null>(null);

export { question };

/** The key that this tab was given. */
export const keptKey = (): string | null => sessionStorage.getItem(KEPT);

export const forgetKey = (): void => sessionStorage.removeItem(KEPT);

/** Ask for the key, saying why; true once there is one, false where the caller would not. */
export function giveKey(why: string): Promise<boolean> {
  question()?.answer(false);
  return new Promise((answered) => setQuestion({ why, answer: answered }));
}

/** The question was answered: with a key, or not at all. */
export function answerKey(key: string | null): void {
  const asked = question();
  if (key) sessionStorage.setItem(KEPT, key);
  setQuestion(null);
  asked?.answer(Boolean(key));
}
