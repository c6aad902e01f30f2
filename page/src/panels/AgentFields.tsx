/** The fields of an agent. */

import { createUniqueId, For, Index, type JSX, Show } from 'solid-js';
import type { Agent, Example } from '../schema';

type Field =
  | 'name'
  | 'prompt'
  | 'greeting'
  | 'unknown'
  | 'transfer'
  | 'no_transfer'
  | 'reprompt'
  | 'goodbye'
  | 'farewell';

export function Words(given: {
  field: Field;
  words: string;
  about?: string;
  rows: number;
  agent: Agent;
  put: (part: Partial<Agent>) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  const id = createUniqueId();
  const fault = () => given.wrong[given.field];
  return (
    <div class="agent-field">
      <label class="field" for={id}>
        {given.words}
      </label>
      <textarea
        id={id}
        name={given.field}
        rows={given.rows}
        value={given.agent[given.field]}
        aria-invalid={fault() ? 'true' : undefined}
        aria-describedby={`${id}-fault ${id}-about`}
        onInput={(event) => given.put({ [given.field]: event.currentTarget.value })}
      />
      <Fault id={`${id}-fault`} words={fault()} />
      <Show when={given.about}>
        <p class="note" id={`${id}-about`}>
          {given.about}
        </p>
      </Show>
    </div>
  );
}

export function Fault(given: { id: string; words: string | undefined }): JSX.Element {
  return (
    <p class="trouble" id={given.id} hidden={!given.words}>
      {given.words}
    </p>
  );
}

/** Questions and the answers they should get. */
export function Examples(given: {
  examples: readonly Example[];
  put: (examples: Example[]) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  let add!: HTMLButtonElement;
  const change = (at: number, part: Partial<Example>) =>
    given.put(given.examples.map((example, i) => (i === at ? { ...example, ...part } : example)));
  const drop = (at: number) => {
    given.put(given.examples.filter((_, i) => i !== at));
    add.focus();
  };
  return (
    <fieldset class="agent-field examples">
      <legend class="field">Examples</legend>
      <Index each={given.examples}>
        {(example, at) => (
          <div class="example">
            <For each={['asks', 'says'] as const}>
              {(part) => (
                <textarea
                  rows="2"
                  value={example()[part]}
                  placeholder={part === 'asks' ? 'The caller asks' : 'The agent says'}
                  aria-label={`Example ${at + 1}: ${part === 'asks' ? 'the caller asks' : 'the agent says'}`}
                  aria-invalid={given.wrong[`examples.${at}`] ? 'true' : undefined}
                  onInput={(event) => change(at, { [part]: event.currentTarget.value })}
                />
              )}
            </For>
            <button
              type="button"
              class="small"
              aria-label={`Remove example ${at + 1}`}
              onClick={() => drop(at)}
            >
              Remove
            </button>
            <Fault id={`example-${at}-fault`} words={given.wrong[`examples.${at}`]} />
          </div>
        )}
      </Index>
      <button
        type="button"
        class="small"
        ref={add}
        onClick={() => given.put([...given.examples, { asks: '', says: '' }])}
      >
        Add an example
      </button>
    </fieldset>
  );
}
