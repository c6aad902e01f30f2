/** Everything beside the call, a tab for each. Only the one that is seen asks the gateway. */

import { createMemo, For, type JSX, Show } from 'solid-js';
import { Dynamic } from 'solid-js/web';
import { key } from '../api';
import type { Calls as OwnCalls } from '../call/create';
import { home } from '../home';
import { address, go, route } from '../route';
import { Agent } from './Agent';
import { Calls } from './Calls';
import { Charts } from './Charts';
import { Engines } from './Engines';
import { History } from './History';
import { Machine } from './Machine';
import { Rehearsals } from './Rehearsals';
import { SaveLink } from './SaveLink';
import { Services } from './Services';
import { Settings } from './Settings';
import { Unanswered } from './Unanswered';
import './bars.css';
import './panels.css';
import './fields.css';

const TABS = [
  { name: 'engines', words: 'Engines', shows: Engines },
  { name: 'services', words: 'Services', shows: Services },
  { name: 'machine', words: 'System', shows: Machine },
  { name: 'calls', words: 'Live calls', shows: Calls },
  { name: 'charts', words: 'Metrics', shows: Charts },
  { name: 'history', words: 'History', shows: History },
  { name: 'unanswered', words: 'Questions', shows: Unanswered },
  { name: 'agent', words: 'Agent', shows: Agent },
  { name: 'rehearsals', words: 'Rehearsals', shows: Rehearsals },
  { name: 'settings', words: 'Settings', shows: Settings },
] as const;
type Tab = (typeof TABS)[number];

export function Panels(given: { calls: OwnCalls }): JSX.Element {
  let list!: HTMLDivElement;
  const tab = createMemo((): Tab => TABS.find((one) => one.name === route().view) ?? TABS[0]);
  const turn = (event: KeyboardEvent) => {
    // From the tab that has the focus: the view follows a moment later, and a second key may be quicker.
    const focused = (event.target as HTMLElement).id;
    const at = TABS.findIndex((one) => `tab-${one.name}` === focused);
    const last = TABS.length - 1;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = TABS[(to + TABS.length) % TABS.length] as Tab;
    go(address(next.name));
    list.querySelector<HTMLElement>(`#tab-${next.name}`)?.focus();
  };
  return (
    <main class="panels">
      <div class="tabs" role="tablist" aria-label="Dashboard" ref={list} onKeyDown={turn}>
        <For each={TABS}>
          {(one) => (
            <a
              role="tab"
              id={`tab-${one.name}`}
              href={address(one.name)}
              aria-controls="panel"
              aria-selected={tab() === one}
              tabindex={tab() === one ? 0 : -1}
            >
              {one.words}
            </a>
          )}
        </For>
      </div>
      <div id="panel" role="tabpanel" aria-labelledby={`tab-${tab().name}`}>
        <Dynamic component={tab().shows} calls={given.calls} />
      </div>
      <p class="note links">
        <a href={home('/docs')}>API reference</a>
        <a href={home('/openapi.json')}>OpenAPI</a>
        <Show when={key()} fallback={<a href={home('/metrics')}>Raw metrics</a>}>
          <SaveLink path="/metrics" name="metrics.txt" words="Raw metrics" />
        </Show>
      </p>
    </main>
  );
}
