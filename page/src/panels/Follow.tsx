/** Somebody's call, as a transcript. */

import { createResource, createSignal, For, type JSX, onCleanup, onMount, Show } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';
import { ask, troubleOf } from '../api';
import { reduce } from '../call/reducer';
import { type CallState, idle, type Line } from '../call/state';
import { endWords } from '../format';
import { createFollowed } from '../polled';
import { address } from '../route';
import type { ActiveCall, ServerMessage, WholeCall } from '../schema';
import { BusinessRecord } from './BusinessRecord';
import { businessAfter, nothing } from './business';
import { CallNotes } from './CallNotes';
import { CallStanding } from './CallStanding';
import type { Standing } from './live';
import { Supervise } from './Supervise';
import { events } from './streaming';
import { Unavailable } from './widgets';

const AT_END = 40; // pixels from the end; nearer, the reader follows, further up they look back
const WHO = { caller: 'Caller', agent: 'Agent', note: '' } as const;
const FINAL = [404]; // the call is gone

export function Follow(given: {
  id: string;
  /** How it stands; undefined once it is over. */
  call: ActiveCall | undefined;
  standing: Standing | undefined;
  again: () => void;
  close: () => void;
}): JSX.Element {
  const [store, setStore] = createStore<{ lines: Line[] }>({ lines: [] });
  const [problem, setProblem] = createSignal('');
  const [reason, setReason] = createSignal('');
  const [business, setBusiness] = createSignal(nothing);
  let state: CallState = idle;
  const show = (next: CallState) => {
    if (next.lines !== state.lines) setStore('lines', reconcile([...next.lines], { key: 'key' }));
    if (!next.end && next.phase !== 'ready') setProblem(next.problem); // what a caller is told at the end is not for here
    state = next;
  };
  const stream = createFollowed<ServerMessage>(
    (signal) => events(`/api/calls/${encodeURIComponent(given.id)}/events`, signal),
    {
      // The gateway tells the conversation so far each time, so it begins anew.
      opened: () => {
        state = { ...idle };
        setBusiness(nothing);
      },
      take: (event) => {
        if (event.type === 'ended') setReason(event.reason);
        setBusiness((before) => businessAfter(before, event));
        show(reduce(state, event));
      },
      done: (trouble) => reason() !== '' || (trouble !== null && FINAL.includes(trouble.status)),
      silence: 0,
    },
  );
  return (
    <section class="card follow" aria-labelledby={`follow-${given.id}`}>
      <div class="head">
        <h3 id={`follow-${given.id}`}>Call {given.id.slice(0, 8)}</h3>
        <button type="button" class="small" onClick={() => given.close()}>
          Close
          <span class="unseen"> the transcript of call {given.id.slice(0, 8)}</span>
        </button>
      </div>
      <Show when={stream.over() ? undefined : given.call}>
        {(call) => <CallStanding call={call()} standing={given.standing} />}
      </Show>
      <Unavailable trouble={stream.over() ? null : stream.trouble()} stale={store.lines.length > 0} />
      <Lines lines={store.lines} id={given.id} />
      <BusinessRecord of={business()} />
      <Show when={!stream.over()}>
        <Supervise id={given.id} call={given.call} again={given.again} />
      </Show>
      <LiveNotes id={given.id} />
      <Show when={problem()}>
        <p class="trouble">{problem()}</p>
      </Show>
      <p class="note" role="status">
        <Show when={stream.over()}>
          The call ended{reason() && `: ${endWords(reason())}`}.{' '}
          <a href={address('history', given.id)}>Open in call history</a>
        </Show>
      </p>
    </section>
  );
}

/** What is written about it while it goes on. */
function LiveNotes(given: { id: string }): JSX.Element {
  const [opened, setOpened] = createSignal(false);
  const [whole] = createResource(opened, () =>
    ask<WholeCall>('GET', `/api/calls/${encodeURIComponent(given.id)}`),
  );
  return (
    <details onToggle={(event) => event.currentTarget.open && setOpened(true)}>
      <summary>Outcome, tags and note</summary>
      <Show when={whole.error}>
        <Unavailable trouble={troubleOf(whole.error)} />
      </Show>
      <Show when={!whole.error && whole()}>{(now) => <CallNotes id={given.id} notes={now().call} />}</Show>
    </details>
  );
}

function Lines(given: { lines: readonly Line[]; id: string }): JSX.Element {
  let pane!: HTMLElement;
  let list!: HTMLOListElement;
  let follows = true;
  onMount(() => {
    const watch = new ResizeObserver(() => {
      if (follows) pane.scrollTop = pane.scrollHeight;
    });
    watch.observe(list);
    onCleanup(() => watch.disconnect());
  });
  const look = () => {
    follows = pane.scrollHeight - pane.scrollTop - pane.clientHeight < AT_END;
  };
  return (
    <section
      class="follow-lines"
      tabindex="0"
      aria-label={`Transcript of call ${given.id.slice(0, 8)}`}
      ref={pane}
      onScroll={look}
    >
      <ol ref={list}>
        <For each={given.lines}>
          {(line) => (
            <li class={`said ${line.who}`} classList={{ open: line.open }}>
              <Show when={WHO[line.who]}>
                <span class="said-by">{WHO[line.who]}</span>
              </Show>
              <span class="said-words">
                <Show when={line.filler}>
                  <em class="note">{line.filler} </em>
                </Show>
                <Show when={line.cut} fallback={line.text || '…'}>
                  {(cut) => (
                    <>
                      {cut().heard}
                      <del>{cut().rest}</del>
                    </>
                  )}
                </Show>
              </span>
              <Show when={line.ms !== null}>
                <span class="note">{Math.round(line.ms ?? 0).toLocaleString('en')} ms</span>
              </Show>
            </li>
          )}
        </For>
      </ol>
      <Show when={given.lines.length === 0}>
        <p class="note">Nothing has been said yet.</p>
      </Show>
    </section>
  );
}
