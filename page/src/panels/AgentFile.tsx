/** The agent as its file: everything that it has, with each mistake at its line. */

import { createUniqueId, For, type JSX, Show } from 'solid-js';
import type { Remark } from '../schema';
import { type AgentTextState, lineAt } from './agent-text';
import { ErrorMessage } from './widgets';
import './agent-file.css';

export function AgentFile(given: { state: AgentTextState }): JSX.Element {
  const id = createUniqueId();
  let field!: HTMLTextAreaElement;
  let numbers!: HTMLDivElement;
  const { state } = given;
  const lines = () => state.text().split('\n').length;
  const many = (kind: Remark['kind']) => state.remarks().filter((one) => one.kind === kind).length;
  const follow = () => {
    numbers.scrollTop = field.scrollTop;
  };
  const show = (line: number) => {
    const { from, to } = lineAt(state.text(), line);
    field.focus();
    field.setSelectionRange(from, to);
    const height = field.scrollHeight / lines();
    field.scrollTop = Math.max(0, (line - 4) * height);
  };
  return (
    <div class="agent-field">
      <label class="field" for={id}>
        Agent file (TOML)
      </label>
      <p class="note" id={`${id}-about`}>
        Everything the agent has: answers, documents, slots, tools, tasks, hours. It follows the fields, and
        the fields follow it; comments are not kept.
      </p>
      <div class="agent-file">
        <div class="numbers" aria-hidden="true" ref={numbers}>
          <For each={Array.from({ length: lines() }, (_, at) => at + 1)}>
            {(line) => <span data-kind={state.remarks().find((one) => one.line === line)?.kind}>{line}</span>}
          </For>
        </div>
        <textarea
          id={id}
          ref={field}
          rows="24"
          wrap="off"
          spellcheck={false}
          autocomplete="off"
          value={state.text()}
          aria-invalid={state.broken() ? 'true' : undefined}
          aria-describedby={`${id}-about ${id}-found`}
          onInput={(event) => state.write(event.currentTarget.value)}
          onScroll={follow}
        />
      </div>
      <p class="note" id={`${id}-found`} role="status">
        {state.checking()
          ? 'Checking …'
          : state.trouble()
            ? ''
            : [counted(many('mistake'), 'mistake'), counted(many('advice'), 'remark')]
                .filter(Boolean)
                .join(', ') || 'No mistakes.'}
      </p>
      <Show when={state.remarks().length > 0}>
        <ul class="remarks" aria-label="Found in the file">
          <For each={state.remarks()}>
            {(one) => (
              <li data-kind={one.kind}>
                <Show when={one.line > 0} fallback={<b>File</b>}>
                  <button type="button" class="small" onClick={() => show(one.line)}>
                    Line {one.line}
                  </button>
                </Show>
                <span>{one.what}</span>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <ErrorMessage words={state.trouble()} />
    </div>
  );
}

const counted = (many: number, what: string): string =>
  many > 0 ? `${many} ${what}${many === 1 ? '' : 's'}` : '';
