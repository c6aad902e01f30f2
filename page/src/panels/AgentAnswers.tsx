/** What is answered by rule, without the model: a subject, its answer, and how callers ask for it. */

import { Index, type JSX } from 'solid-js';
import type { VerbatimAnswer } from '../schema';
import { Fault } from './AgentFields';
import { listOf } from './agent-words';

const FEW = 3; // more are folded

export function Answers(given: {
  answers: readonly VerbatimAnswer[];
  put: (answers: VerbatimAnswer[]) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  let add!: HTMLButtonElement;
  const list = listOf(() => given.answers, given.put);
  const drop = (at: number) => {
    list.drop(at);
    add.focus();
  };
  return (
    <fieldset class="agent-field answers">
      <legend class="field">Answers</legend>
      <details
        open={given.answers.length <= FEW || Object.keys(given.wrong).some((one) => /^answers/.test(one))}
      >
        <summary>{given.answers.length} answered by rule</summary>
        <p class="note">
          Spoken as written, at once and without the model, where a question is plainly about the subject.
        </p>
        <Index each={given.answers}>
          {(answer, at) => (
            <div class="answer">
              <input
                value={answer().about}
                placeholder="Subject, such as: price of the Basic plan"
                autocomplete="off"
                aria-label={`Answer ${at + 1}: subject`}
                aria-invalid={given.wrong[`answers.${at}`] ? 'true' : undefined}
                aria-describedby={`answer-${at}-fault`}
                onInput={(event) => list.change(at, { about: event.currentTarget.value })}
              />
              <textarea
                rows="3"
                value={answer().asks.join('\n')}
                placeholder="How callers ask for it, a line each"
                aria-label={`Answer ${at + 1}: how callers ask for it`}
                onInput={(event) => list.change(at, { asks: event.currentTarget.value.split('\n') })}
              />
              <textarea
                rows="3"
                value={answer().says}
                placeholder="The agent says"
                aria-label={`Answer ${at + 1}: the agent says`}
                onInput={(event) => list.change(at, { says: event.currentTarget.value })}
              />
              <button
                type="button"
                class="small"
                aria-label={`Remove answer ${at + 1}`}
                onClick={() => drop(at)}
              >
                Remove
              </button>
              <Fault id={`answer-${at}-fault`} words={given.wrong[`answers.${at}`]} />
            </div>
          )}
        </Index>
        <button
          type="button"
          class="small"
          ref={add}
          onClick={() => list.add({ about: '', says: '', asks: [] })}
        >
          Add an answer
        </button>
      </details>
    </fieldset>
  );
}
