/** Earlier versions of the agent: compared with what is written now, and taken back into the editor. */

import { createSignal, For, type JSX, Show, untrack } from 'solid-js';
import { route } from '../route';
import type { Agent, AgentVersion, AgentVersions as Kept } from '../schema';
import { Differences } from './Differences';

export function AgentVersions(given: {
  kept: Kept;
  now: Agent;
  take: (version: AgentVersion) => void;
}): JSX.Element {
  const named = untrack(() => route().id); // the version of a kept call
  const [compared, setCompared] = createSignal(
    named ? untrack(() => given.kept.versions.findIndex((version) => version.id === named)) : -1,
  );
  return (
    <details
      class="card versions"
      open={Boolean(named)}
      ref={(box) => named && queueMicrotask(() => box.scrollIntoView())}
    >
      <summary>Versions ({given.kept.versions.length})</summary>
      <Show when={named && compared() < 0 && !given.kept.versions.some((version) => version.id === named)}>
        <p class="note">Version {named.slice(0, 6)} is not kept any more, or was a draft.</p>
      </Show>
      <ul class="things">
        <For each={given.kept.versions}>
          {(version, index) => (
            <li class="thing">
              <div class="thing-words">
                <p class="thing-name">
                  {version.source === 'file' ? 'AGENT_FILE' : new Date(version.at * 1000).toLocaleString()}
                  <span class="tag">{version.id.slice(0, 6)}</span>
                  <Show when={version.id === given.kept.current}>
                    <span class="tag">answers now</span>
                  </Show>
                </p>
              </div>
              <div class="thing-actions">
                <button
                  type="button"
                  class="small"
                  aria-expanded={compared() === index()}
                  onClick={() => setCompared(compared() === index() ? -1 : index())}
                >
                  Compare
                  <span class="unseen"> version {index() + 1} with the editor</span>
                </button>
                <button type="button" class="small" onClick={() => given.take(version)}>
                  {version.source === 'file' ? "Load the file's version" : 'Load'}
                  <span class="unseen"> version {index() + 1} into the editor</span>
                </button>
              </div>
              <Show when={compared() === index()}>
                <Differences before={version.agent} now={given.now} />
              </Show>
            </li>
          )}
        </For>
      </ul>
    </details>
  );
}
