/** What two agents are told differently: lines that are gone, lines that have come. */

import { For, type JSX, Show } from 'solid-js';
import type { Agent } from '../schema';
import { differences } from './draft';

export function Differences(given: { before: Agent; now: Agent }): JSX.Element {
  const found = () => differences(given.before, given.now);
  return (
    <Show when={found().length > 0} fallback={<p class="note">No difference.</p>}>
      <dl class="differences">
        <For each={found()}>
          {(one) => (
            <div>
              <dt>{one.field}</dt>
              <For each={one.gone}>
                {(line) => (
                  <dd>
                    <del>{line}</del>
                  </dd>
                )}
              </For>
              <For each={one.come}>
                {(line) => (
                  <dd>
                    <ins>{line}</ins>
                  </dd>
                )}
              </For>
            </div>
          )}
        </For>
      </dl>
    </Show>
  );
}
