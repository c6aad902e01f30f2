/** Everything beside the call, a tab for each. Only the one that is seen asks the gateway. */

import { createSignal, For, type JSX } from 'solid-js';
import { Dynamic } from 'solid-js/web';
import { Agent } from './Agent';
import { Calls } from './Calls';
import { Charts } from './Charts';
import { Engines } from './Engines';
import { History } from './History';
import { Machine } from './Machine';
import { Services } from './Services';
import { Settings } from './Settings';
import './bars.css';
import './panels.css';
import './fields.css';

const KEPT = 'lineside panel';
const TABS = [
  { name: 'engines', words: 'Engines', shows: Engines },
  { name: 'services', words: 'Services', shows: Services },
  { name: 'machine', words: 'Machine', shows: Machine },
  { name: 'calls', words: 'Calls', shows: Calls },
  { name: 'charts', words: 'Charts', shows: Charts },
  { name: 'history', words: 'History', shows: History },
  { name: 'agent', words: 'Agent', shows: Agent },
  { name: 'settings', words: 'Settings', shows: Settings },
] as const;
type Tab = (typeof TABS)[number];

const [tab, setTab] = createSignal<Tab>(
  TABS.find((one) => one.name === localStorage.getItem(KEPT)) ?? TABS[0],
);

/** Show the panel of that name. */
export function showPanel(name: Tab['name']): void {
  setTab(TABS.find((one) => one.name === name) ?? TABS[0]);
  localStorage.setItem(KEPT, name);
}

export function Panels(): JSX.Element {
  let list!: HTMLDivElement;
  const turn = (event: KeyboardEvent) => {
    const at = TABS.indexOf(tab());
    const last = TABS.length - 1;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = TABS[(to + TABS.length) % TABS.length] as Tab;
    showPanel(next.name);
    list.querySelector<HTMLElement>(`#tab-${next.name}`)?.focus();
  };
  return (
    <main class="panels">
      <div class="tabs" role="tablist" aria-label="Panels" ref={list} onKeyDown={turn}>
        <For each={TABS}>
          {(one) => (
            <button
              type="button"
              role="tab"
              id={`tab-${one.name}`}
              aria-controls="panel"
              aria-selected={tab() === one}
              tabindex={tab() === one ? 0 : -1}
              onClick={() => showPanel(one.name)}
            >
              {one.words}
            </button>
          )}
        </For>
      </div>
      <div id="panel" role="tabpanel" aria-labelledby={`tab-${tab().name}`}>
        <Dynamic component={tab().shows} />
      </div>
    </main>
  );
}
