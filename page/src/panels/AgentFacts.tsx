/** What the model may answer from: a list, a line each. */

import { Index, type JSX } from 'solid-js';
import { Fault } from './AgentFields';

/** Enter begins a new fact, and lines that are pasted become facts of their own. */
export function Facts(given: {
  facts: readonly string[];
  put: (facts: string[]) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  let list!: HTMLOListElement;
  let add!: HTMLButtonElement;
  const focus = (at: number) =>
    queueMicrotask(() => {
      const field = list.querySelectorAll('textarea')[at];
      if (field) field.focus();
      else add.focus();
    });
  /** Put these in place of the fact at `at`. */
  const put = (at: number, facts: string[]) => given.put(given.facts.toSpliced(at, 1, ...facts));
  const insert = (at: number) => {
    given.put(given.facts.toSpliced(at, 0, ''));
    focus(at);
  };
  const drop = (at: number) => {
    put(at, []);
    focus(Math.max(0, at - 1));
  };
  const paste = (event: ClipboardEvent & { currentTarget: HTMLTextAreaElement }, at: number) => {
    const pasted = event.clipboardData?.getData('text/plain') ?? '';
    if (!/\n./.test(pasted.trim())) return;
    event.preventDefault();
    const { value, selectionStart, selectionEnd } = event.currentTarget;
    const whole = value.slice(0, selectionStart) + pasted + value.slice(selectionEnd);
    const facts = whole.split(/\r?\n/).filter((fact) => fact.trim());
    put(at, facts);
    focus(at + facts.length - 1);
  };
  const press = (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }, at: number) => {
    if (event.key === 'Enter' && !event.isComposing) {
      event.preventDefault();
      insert(at + 1);
    } else if (event.key === 'Backspace' && !event.currentTarget.value) {
      event.preventDefault();
      drop(at);
    }
  };
  return (
    <fieldset class="agent-field facts" name="facts">
      <legend class="field">Facts ({given.facts.filter((fact) => fact.trim()).length})</legend>
      <p class="note">
        What the agent may answer from, such as “router: Yes, a router is included.” Paste several lines to
        add several facts.
      </p>
      <ol ref={list}>
        <Index each={given.facts}>
          {(fact, at) => (
            <li>
              <textarea
                rows="1"
                value={fact()}
                aria-label={`Fact ${at + 1}`}
                aria-invalid={given.wrong[`facts.${at}`] ? 'true' : undefined}
                aria-describedby={`fact-${at}-fault`}
                onInput={(event) => put(at, [event.currentTarget.value])}
                onKeyDown={(event) => press(event, at)}
                onPaste={(event) => paste(event, at)}
              />
              <button
                type="button"
                class="small"
                aria-label={`Remove fact ${at + 1}`}
                onClick={() => drop(at)}
              >
                Remove
              </button>
              <Fault id={`fact-${at}-fault`} words={given.wrong[`facts.${at}`]} />
            </li>
          )}
        </Index>
      </ol>
      <button type="button" class="small" ref={add} onClick={() => insert(given.facts.length)}>
        Add a fact
      </button>
    </fieldset>
  );
}
