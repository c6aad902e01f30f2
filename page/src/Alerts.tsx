/** What is wrong with the gateway, in the header of every view. */

import { For, type JSX, Show } from 'solid-js';
import { ask } from './api';
import { createPolled } from './polled';
import type { StandingAlerts } from './schema';

const EVERY = 10_000; // ms; the gateway looks every five seconds

export function Alerts(): JSX.Element {
  const status = createPolled<StandingAlerts>(
    (signal) => ask('GET', '/api/alerts', { signal }),
    () => EVERY,
    'what',
  );
  const count = () => (status.trouble() ? 0 : (status.value()?.alerts.length ?? 0));
  return (
    <div class="alerts" role="status">
      <Show when={count() > 0}>
        <details>
          <summary>
            {count()} {count() === 1 ? 'alert' : 'alerts'}
          </summary>
          <ul>
            <For each={status.value()?.alerts}>
              {(one) => (
                <li>
                  {one.what}
                  <span class="note"> since {new Date(one.since * 1000).toLocaleTimeString()}</span>
                </li>
              )}
            </For>
          </ul>
        </details>
      </Show>
    </div>
  );
}
