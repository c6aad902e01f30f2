/** What was done for a caller, beside what was said: tasks, what is known, tools and what came of them. */

import { For, type JSX, Show } from 'solid-js';
import { clock } from '../format';
import { type Business, isEmpty, pairWords, taskWords, toolWords } from './business';
import { Status } from './widgets';

export function BusinessRecord(given: { of: Business }): JSX.Element {
  return (
    <Show when={!isEmpty(given.of)}>
      <section class="business" aria-label="What was done for the caller">
        <For each={given.of.tasks}>
          {(one) => (
            <p>
              Task <b>{one.task}</b>
              <span class="tag">{taskWords(one.state)}</span>
            </p>
          )}
        </For>
        <Show when={given.of.slots.length > 0}>
          <dl>
            <For each={given.of.slots}>
              {(one) => (
                <div>
                  <dt>{one.slot}</dt>
                  <dd>
                    {one.value}
                    <Show when={!one.sure}>
                      <span class="tag">to be confirmed</span>
                    </Show>
                  </dd>
                </div>
              )}
            </For>
          </dl>
        </Show>
        <ul>
          <For each={given.of.tools}>
            {(tool) => (
              <li>
                <p>
                  <span class="note">{clock(tool.at)}</span> <b>{tool.tool}</b>
                  <Show when={pairWords(tool.arguments)}>{(words) => <span> ({words()})</span>}</Show>
                  <Show when={tool.effect === 'writes'}>
                    <span class="tag">changes data</span>
                  </Show>
                </p>
                <Status {...toolWords(tool)} />
                <Show when={pairWords(tool.gives)}>{(words) => <p class="note">{words()}</p>}</Show>
              </li>
            )}
          </For>
        </ul>
      </section>
    </Show>
  );
}
