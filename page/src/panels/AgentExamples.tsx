/** Questions and the answers they should get. */

import { For, type JSX } from 'solid-js';
import type { Example } from '../schema';
import { AgentEntries } from './AgentEntries';

export function Examples(given: {
  examples: readonly Example[];
  put: (examples: Example[]) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  return (
    <fieldset class="agent-field examples">
      <legend class="field">Examples</legend>
      <AgentEntries
        field="examples"
        entry="example"
        all={given.examples}
        put={given.put}
        fresh={{ asks: '', says: '' }}
        wrong={given.wrong}
      >
        {(example, at, change) => (
          <For each={['asks', 'says'] as const}>
            {(part) => (
              <textarea
                rows="2"
                value={example()[part]}
                placeholder={part === 'asks' ? 'The caller asks' : 'The agent says'}
                aria-label={`Example ${at + 1}: ${part === 'asks' ? 'the caller asks' : 'the agent says'}`}
                aria-invalid={given.wrong[`examples.${at}`] ? 'true' : undefined}
                aria-describedby={`example-${at}-fault`}
                onInput={(event) => change({ [part]: event.currentTarget.value })}
              />
            )}
          </For>
        )}
      </AgentEntries>
    </fieldset>
  );
}
