/** The calls that are kept: found, opened, deleted. One page of them is drawn at a time, however many there are. */

import { createEffect, createSignal, For, type JSX, on, onCleanup, Show } from 'solid-js';
import { ask, key, type Trouble, troubleOf } from '../api';
import type { CallPage, KeptCall } from '../schema';
import { OpenCall } from './OpenCall';
import { callWords, query } from './recording';
import { SaveLink } from './SaveLink';
import { Loading, Unavailable } from './widgets';
import './history.css';

const PAGE = 50; // calls

export function History(): JSX.Element {
  const [words, setWords] = createSignal('');
  const [search, setSearch] = createSignal('');
  const [befores, setBefores] = createSignal<readonly string[]>(['']); // of the pages so far; the last is shown
  const [page, setPage] = createSignal<CallPage>();
  const [trouble, setTrouble] = createSignal<Trouble | null>(null);
  const [opened, setOpened] = createSignal('');
  const [asked, setAsked] = createSignal(0);
  const again = () => setAsked(asked() + 1);
  createEffect(
    on([search, befores, asked, key], () => {
      const gone = new AbortController();
      onCleanup(() => gone.abort());
      ask<CallPage>('GET', `/api/history?${query(search(), befores().at(-1) ?? '', PAGE)}`, {
        signal: gone.signal,
      })
        .then((found) => {
          setPage(found);
          setTrouble(null);
        })
        .catch((cause) => gone.signal.aborted || setTrouble(troubleOf(cause)));
    }),
  );
  const look = (event: SubmitEvent) => {
    event.preventDefault();
    setSearch(words().trim());
    setBefores(['']);
    again();
  };
  const count = () => {
    const many = page()?.calls.length;
    if (many === undefined) return '';
    if (many === 0) return search() ? 'No kept call fits.' : 'No call is kept yet.';
    return `Calls ${(befores().length - 1) * PAGE + 1} to ${(befores().length - 1) * PAGE + many}`;
  };
  return (
    <section aria-labelledby="history-head">
      <div class="head">
        <h2 id="history-head">Calls that are kept</h2>
        <SaveLink
          path={`/api/history/export.jsonl?${query(search(), '', PAGE)}`}
          name="calls.jsonl"
          words="JSONL"
        />
        <SaveLink
          path={`/api/history/export.csv?${query(search(), '', PAGE)}`}
          name="calls.csv"
          words="CSV"
        />
      </div>
      <search>
        <form class="row" onSubmit={look}>
          <label class="unseen" for="history-search">
            Words, a caller, an engine
          </label>
          <input
            id="history-search"
            type="search"
            placeholder="Words, a caller, an engine"
            value={words()}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
          <button type="submit" class="small">
            Search
          </button>
        </form>
      </search>
      <Unavailable trouble={trouble()} stale={Boolean(page())} />
      <Show when={!page()}>
        <Loading trouble={Boolean(trouble())} />
      </Show>
      <Show when={opened()} keyed>
        {(id) => (
          <OpenCall
            id={id}
            close={() => setOpened('')}
            gone={() => {
              setOpened('');
              again();
            }}
          />
        )}
      </Show>
      <p class="note" role="status">
        {count()}
      </p>
      <ul class="things">
        <For each={page()?.calls}>
          {(call) => <Row call={call} opened={opened() === call.id} open={() => setOpened(call.id)} />}
        </For>
      </ul>
      <nav class="row" aria-label="Pages of calls">
        <button
          type="button"
          class="small"
          disabled={befores().length === 1}
          onClick={() => setBefores(befores().slice(0, -1))}
        >
          Newer
        </button>
        <button
          type="button"
          class="small"
          disabled={!page()?.next}
          onClick={() => setBefores([...befores(), page()?.next ?? ''])}
        >
          Older
        </button>
      </nav>
    </section>
  );
}

function Row(given: { call: KeptCall; opened: boolean; open: () => void }): JSX.Element {
  const when = () => new Date(given.call.began * 1000).toLocaleString();
  const engines = () => [given.call.stt, given.call.llm, given.call.tts].filter(Boolean).join(' → ');
  return (
    <li class="card thing" data-kept={given.call.id}>
      <div class="thing-words">
        <p class="thing-name">
          {when()}
          <span class="tag">{given.call.line}</span>
          <Show when={given.call.caller}>
            <span class="tag">{given.call.caller}</span>
          </Show>
          <Show when={given.call.recording === 'kept'}>
            <span class="tag">recorded</span>
          </Show>
        </p>
        <p class="note">{callWords(given.call)}</p>
        <p class="note">{engines()}</p>
      </div>
      <div class="thing-actions">
        <button type="button" class="small" aria-expanded={given.opened} onClick={() => given.open()}>
          Open
          <span class="unseen"> the call of {when()}</span>
        </button>
      </div>
    </li>
  );
}
