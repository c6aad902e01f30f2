/** The agent as it is being written: it outlives the panel and a reload. */

import { createEffect, createRoot } from 'solid-js';
import { createStore, reconcile, unwrap } from 'solid-js/store';
import { ask } from '../api';
import type { AgentVersions, Agent as Told } from '../schema';
import { alike, type Draft, readDraft } from './draft';

const KEPT = 'lineside agent draft'; // in this tab's sessionStorage

const [draft, setDraft] = createStore<Draft>(readDraft(globalThis.sessionStorage?.getItem(KEPT) ?? null));
createRoot(() =>
  createEffect(() => {
    const { agent, from } = draft;
    if (agent && from && !alike(agent, from))
      sessionStorage.setItem(KEPT, JSON.stringify({ agent, from, of: draft.of }));
    else sessionStorage.removeItem(KEPT);
  }),
);

/** What is written, and from what. */
export { draft, setDraft };

/** The same, apart from the store. */
export const copy = (agent: Told): Told => structuredClone(unwrap(agent));

/** Put a whole agent into the editor, as a change of what was saved. */
export function write(agent: Told): void {
  setDraft('agent', reconcile(copy(agent), { key: null, merge: true }));
}

/** Begin anew from this agent. */
export function begin(agent: Told): void {
  write(agent);
  setDraft('from', reconcile(copy(agent), { key: null, merge: true }));
}

/** Whether something is written that is not saved. */
export const unsaved = (): boolean => Boolean(draft.agent && draft.from && !alike(draft.agent, draft.from));

export interface Newest {
  readonly agent: Told;
  readonly kept: AgentVersions;
}

/** The agent that answers now, and its versions. */
export async function newest(signal?: AbortSignal): Promise<Newest> {
  const given = signal ? { signal } : {};
  const kept = await ask<AgentVersions>('GET', '/api/agent/versions', given);
  return { kept, agent: await ask<Told>('GET', '/api/agent', given) };
}

/** The gateway's agent has come: what nobody has changed here follows it. */
export function arrived(now: Newest): Newest {
  const untouched = !draft.agent || !draft.from || alike(draft.agent, draft.from);
  if (untouched && !(draft.from && alike(draft.from, now.agent) && draft.agent)) begin(now.agent);
  if (untouched) setDraft('of', now.kept.current);
  return now;
}
