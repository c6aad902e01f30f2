import { createSignal } from 'solid-js';
import { useKey } from './api';

/** A question for the key: why it is asked, and who waits for the answer. */
interface Question {
  readonly why: string;
  readonly answer: (given: boolean) => void;
}

const [question, setQuestion] = createSignal<Question | null>(null);

/** The question that waits for an answer, if there is one. */
export { question };

/** Ask for the key, saying why; true once there is one, false where the caller would not. */
export function giveKey(why: string): Promise<boolean> {
  question()?.answer(false);
  return new Promise((answered) => setQuestion({ why, answer: answered }));
}

/** The question was answered: with a key, or not at all. */
export function answerKey(given: string, remembered = false): void {
  const asked = question();
  useKey(given, remembered);
  setQuestion(null);
  asked?.answer(given !== '');
}
