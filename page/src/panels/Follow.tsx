/** Somebody's call, as a transcript. */

import { createSignal, For, type JSX, onCleanup, onMount, Show } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';
import { events } from '../api';
import { reduce } from '../call/reducer';
import { type CallState, idle, type Line } from '../call/state';
import { endWords } from '../format';
import { createFollowed } from '../polled';
import { address } from '../route';
import type { ServerMessage } from '../schema';
import { Unavailable } from './widgets';

const AT_END = 40; // pixels from the end; nearer, the reader follows, further up they look back
const WHO = { caller: 'Caller', agent: 'Agent', note: '' } as const;
const FINAL = [404]; // the call is gone

export function Follow(given: { id: string; close: () => void }): JSX.Element {
  const [store, setStore] = createStore<{ lines: Line[] }>({ lines: [] });
  const [problem, setProblem] = createSignal('');
  const [reason, setReason] = createSignal('');
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
      },
      take: (event) => {
        if (event.type === 'ended') setReason(event.reason);
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
      <Unavailable trouble={stream.over() ? null : stream.trouble()} stale={store.lines.length > 0} />
      <Lines lines={store.lines} id={given.id} />
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
                <span class="note">{Math.round(line.ms ?? 0)} ms</span>
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
