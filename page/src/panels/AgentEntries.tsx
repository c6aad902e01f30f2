/** A list in the editor: its entries, what is wrong with each, and buttons that remove one or add another. */

import { Index, type JSX } from 'solid-js';
import { Fault } from './AgentFields';
import { listOf } from './agent-words';

export function AgentEntries<T extends object>(given: {
  field: 'answers' | 'examples'; // of the agent
  entry: 'answer' | 'example'; // what one of them is called
  all: readonly T[];
  put: (all: T[]) => void;
  fresh: T;
  wrong: Record<string, string>;
  children: (entry: () => T, at: number, change: (part: Partial<T>) => void) => JSX.Element;
}): JSX.Element {
  let add!: HTMLButtonElement;
  const list = listOf(() => given.all, given.put);
  const drop = (at: number) => {
    list.drop(at);
    add.focus();
  };
  return (
    <>
      <Index each={given.all}>
        {(entry, at) => (
          <div class={given.entry}>
            {given.children(entry, at, (part) => list.change(at, part))}
            <button
              type="button"
              class="small"
              aria-label={`Remove ${given.entry} ${at + 1}`}
              onClick={() => drop(at)}
            >
              Remove
            </button>
            <Fault id={`${given.entry}-${at}-fault`} words={given.wrong[`${given.field}.${at}`]} />
          </div>
        )}
      </Index>
      <button type="button" class="small" ref={add} onClick={() => list.add(given.fresh)}>
        Add an {given.entry}
      </button>
    </>
  );
}
