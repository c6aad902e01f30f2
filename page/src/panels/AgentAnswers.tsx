/** What is answered by rule, without the model: a subject, its answer, and how callers ask for it. */

import type { JSX } from 'solid-js';
import type { VerbatimAnswer } from '../schema';
import { AgentEntries } from './AgentEntries';

const FEW = 3; // more are folded

export function Answers(given: {
  answers: readonly VerbatimAnswer[];
  put: (answers: VerbatimAnswer[]) => void;
  wrong: Record<string, string>;
}): JSX.Element {
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
        <AgentEntries
          field="answers"
          entry="answer"
          all={given.answers}
          put={given.put}
          fresh={{ about: '', says: '', asks: [] }}
          wrong={given.wrong}
        >
          {(answer, at, change) => (
            <>
              <input
                value={answer().about}
                placeholder="Subject, such as: price of the Basic plan"
                autocomplete="off"
                aria-label={`Answer ${at + 1}: subject`}
                aria-invalid={given.wrong[`answers.${at}`] ? 'true' : undefined}
                aria-describedby={`answer-${at}-fault`}
                onInput={(event) => change({ about: event.currentTarget.value })}
              />
              <textarea
                rows="3"
                value={answer().asks.join('\n')}
                placeholder="How callers ask for it, a line each"
                aria-label={`Answer ${at + 1}: how callers ask for it`}
                onInput={(event) => change({ asks: event.currentTarget.value.split('\n') })}
              />
              <textarea
                rows="3"
                value={answer().says}
                placeholder="The agent says"
                aria-label={`Answer ${at + 1}: the agent says`}
                onInput={(event) => change({ says: event.currentTarget.value })}
              />
            </>
          )}
        </AgentEntries>
      </details>
    </fieldset>
  );
}
