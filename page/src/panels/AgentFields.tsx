/** The fields of an agent. */

import { createUniqueId, type JSX, Show } from 'solid-js';
import type { Agent } from '../schema';
import { TEXTS, type TextField } from './agent-words';

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
