/** The fields of an agent. */

import { createUniqueId, For, Index, type JSX, Show } from 'solid-js';
import type { Agent, Example } from '../schema';
import { listOf, TEXTS, type TextField } from './agent-words';

/** One text of an agent, by the name of its field. */
export function Words(given: {
  field: TextField;
  agent: Agent;
  put: (part: Partial<Agent>) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  return (
    <TextArea
      name={given.field}
      {...TEXTS[given.field]}
      value={given.agent[given.field]}
      fault={given.wrong[given.field]}
      put={(text) => given.put({ [given.field]: text })}
    />
  );
}

/** A text with its label, what is wrong with it, and what it is for. */
export function TextArea(given: {
  name: string;
  words: string;
  about?: string;
  rows: number;
  placeholder?: string;
  value: string;
  fault: string | undefined;
  put: (text: string) => void;
}): JSX.Element {
  const id = createUniqueId();
  return (
    <div class="agent-field">
      <label class="field" for={id}>
        {given.words}
      </label>
      <textarea
        id={id}
        name={given.name}
        rows={given.rows}
        placeholder={given.placeholder}
        value={given.value}
        aria-invalid={given.fault ? 'true' : undefined}
        aria-describedby={`${id}-fault ${id}-about`}
        onInput={(event) => given.put(event.currentTarget.value)}
      />
      <Fault id={`${id}-fault`} words={given.fault} />
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
  const list = listOf(() => given.examples, given.put);
  const drop = (at: number) => {
    list.drop(at);
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
                  onInput={(event) => list.change(at, { [part]: event.currentTarget.value })}
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
