/** The gateways that share a database: where calls are, and which of them drains or is gone. */

import { For, type JSX, Show } from 'solid-js';
import { ask } from '../api';
import { createPolled } from '../polled';
import type { GatewaysStatus } from '../schema';
import { Status, Unavailable } from './widgets';
import { gatewayWords, lasting } from './words';

const EVERY = 2_000; // ms, as often as gateways tell of themselves
const HEARD_LATELY = 10; // seconds; what is older the database did not tell just now

/** Nothing where this gateway shares no database with others. */
export function Gateways(): JSX.Element {
  const status = createPolled<GatewaysStatus>(
    (signal) => ask('GET', '/api/gateways', { signal }),
    () => EVERY,
  );
  const shared = () => {
    const now = status.value();
    return now && now.heard_seconds_ago !== null ? { ...now, heard: now.heard_seconds_ago } : undefined;
  };
  return (
    <Show when={shared()}>
      {(now) => (
        <div class="card">
          <h3 id="gateways-head">Gateways</h3>
          <Unavailable trouble={status.trouble()} stale />
          <Show when={now().heard > HEARD_LATELY}>
            <p class="trouble" role="status">
              The database has not been heard for {lasting(now().heard)}. Below: what was known before.
            </p>
          </Show>
          <table class="gateways" aria-labelledby="gateways-head">
            <thead>
              <tr>
                <th scope="col">Gateway</th>
                <th scope="col">State</th>
                <th scope="col" class="number">
                  Calls
                </th>
                <th scope="col" class="number">
                  Heard
                </th>
              </tr>
            </thead>
            <tbody>
              <For each={now().gateways}>
                {(gateway) => (
                  <tr data-gateway={gateway.name}>
                    <td>
                      {gateway.name}{' '}
                      <Show when={gateway.this}>
                        <span class="tag">this one</span>{' '}
                      </Show>
                      <span class="note">{gateway.version}</span>
                    </td>
                    <td>
                      <Status {...gatewayWords(gateway)} />
                    </td>
                    <td class="number">
                      {gateway.calls} of {gateway.max_calls}
                    </td>
                    <td class="number">{lasting(gateway.seconds_ago)} ago</td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </div>
      )}
    </Show>
  );
}
