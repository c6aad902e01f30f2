/** What one sees before anything was said: who answers, and what one might ask. */

import { For, type JSX, Show } from 'solid-js';
import { ask } from '../api';
import type { Calls } from '../call/create';
import { choices } from '../choices';
import { createPolled } from '../polled';
import { address } from '../route';
import type { Agent } from '../schema';
import { suggestions } from './suggestions';

const EVERY = 30_000; // ms

export function BeforeCall(given: { calls: Calls }): JSX.Element {
  const agent = createPolled<Agent>(
    (signal) => ask('GET', '/api/agent', { signal }),
    () => EVERY,
  );
  const questions = () => {
    const now = agent.value();
    return now ? suggestions(now) : [];
  };
  const greeting = () => choices().greeting ?? agent.value()?.greeting ?? '';
  return (
    <div id="empty">
      <Show when={agent.value()}>
        {(now) => (
          <p>
            <strong>{now().name}</strong> answers. <a href={address('agent')}>Edit the agent</a>
          </p>
        )}
      </Show>
      <p class="note">
        Press <strong>Start call</strong> or the space bar and speak, or type below. Talk over the answer to
        interrupt it.
      </p>
      <Show when={greeting()}>
        <p class="note">It begins with: “{greeting()}”</p>
      </Show>
      <Show when={questions().length > 0}>
        <p class="note">Try asking, in writing:</p>
        <ul class="suggestions">
          <For each={questions()}>
            {(one) => (
              <li>
                <button type="button" class="small" onClick={() => given.calls.type(one)}>
                  {one}
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </div>
  );
}
