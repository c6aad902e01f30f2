/** The calls that are kept: found, opened, deleted. One page of them is drawn at a time, however many there are. */

import { createEffect, createMemo, createSignal, For, type JSX, on, onCleanup, Show } from 'solid-js';
import { modelsOf } from '../answered';
import { ask, key, type Trouble, troubleOf } from '../api';
import { createNewest } from '../polled';
import { address, go, route } from '../route';
import type { CallPage, KeptCall } from '../schema';
import { HistoryFilters } from './HistoryFilters';
import { apiQuery, countWords, type Filters, filtersOf } from './history-query';
import { CallTags, OpenCall } from './OpenCall';
import { callWords } from './recording';
import { SaveLink } from './SaveLink';
import { MOST_SELECTED, Selection } from './Selection';
import { Loading, Unavailable } from './widgets';
import './history.css';

const PAGE = 50; // calls

export function History(): JSX.Element {
  // Known by value: an address that only opens a call does not ask for the list again.
  const filters = createMemo<Filters>(
    (before) => (route().view === 'history' ? filtersOf(route().query) : before),
    {},
    { equals: (one, other) => JSON.stringify(one) === JSON.stringify(other) },
  );
  const opened = createMemo(() => (route().view === 'history' ? route().id : ''));
  const [befores, setBefores] = createSignal<readonly string[]>(['']); // of the pages so far; the last is shown
  const [asked, setAsked] = createSignal(0);
  const { page, trouble } = createPage(() => apiQuery(filters(), befores().at(-1), PAGE), asked);
  const to = (id: string) => address('history', id, { ...filters() });
  let list!: HTMLUListElement;
  let head!: HTMLHeadingElement;
  createEffect(on(filters, () => setBefores(['']), { defer: true }));
  // Who closes a call goes on where it was opened: at its row, as soon as there is one.
  let closed = ''; // while the list is still on its way
  let deleted = '';
  const focusRow = (id: string) => {
    const row = id !== deleted && list.querySelector<HTMLElement>(`[data-kept="${CSS.escape(id)}"] a`);
    (row || head).focus();
  };
  createEffect(
    on(opened, (id, before) => {
      closed = id || page() ? '' : (before ?? '');
      if (!id && before) focusRow(before);
    }),
  );
  createEffect(
    on(
      () => Boolean(page()),
      () => {
        if (closed && document.activeElement === head) focusRow(closed);
        closed = '';
      },
      { defer: true },
    ),
  );
  const turn = (next: readonly string[]) => {
    setBefores(next);
    head.scrollIntoView();
  };
  const [selected, setSelected] = createSignal<readonly KeptCall[]>([]); // of all pages
  const isSelected = (id: string) => selected().some((call) => call.id === id);
  const drop = (ids: readonly string[]) => setSelected(selected().filter((call) => !ids.includes(call.id)));
  const select = (calls: readonly KeptCall[]) => {
    const fresh = calls.filter((call) => !isSelected(call.id));
    setSelected([...selected(), ...fresh].slice(0, MOST_SELECTED));
  };
  // A call that was tagged is asked for anew, and so is what is selected of it.
  createEffect(() => {
    const fresh = new Map(page()?.calls.map((call) => [call.id, call]));
    setSelected((before) => before.map((call) => fresh.get(call.id) ?? call));
  });
  // The buttons for what is selected go with the last of it.
  createEffect(
    on(
      () => selected().length > 0,
      (some) => {
        if (!some && document.activeElement === document.body) head.focus();
      },
      { defer: true },
    ),
  );
  const allHere = () => Boolean(page()?.calls.length) && page()?.calls.every((call) => isSelected(call.id));
  const again = () => setAsked(asked() + 1);
  const gone = () => {
    deleted = opened();
    drop([deleted]);
    go(to(''));
    again();
  };
  return (
    <section aria-labelledby="history-head">
      <div class="head">
        <h2 id="history-head" tabindex="-1" ref={head}>
          Call history
        </h2>
        <SaveLink
          path={`/api/history/export.jsonl?${apiQuery(filters())}`}
          name="calls.jsonl"
          words="JSONL"
        />
        <SaveLink path={`/api/history/export.csv?${apiQuery(filters())}`} name="calls.csv" words="CSV" />
      </div>
      <HistoryFilters filters={filters()} set={(next) => go(address('history', '', { ...next }))} />
      <Unavailable trouble={trouble()} stale={Boolean(page())} />
      <Show when={!page()}>
        <Loading trouble={Boolean(trouble())} />
      </Show>
      <Show when={opened()} keyed>
        {(id) => <OpenCall id={id} close={() => go(to(''))} gone={gone} changed={again} />}
      </Show>
      <p class="note" role="status">
        <Show when={page()}>
          {(now) => (
            <>
              {countWords(
                (befores().length - 1) * PAGE,
                now().calls.length,
                now().total,
                Object.keys(filters()).length > 0,
              )}
            </>
          )}
        </Show>
      </p>
      <Show when={page()?.calls.length}>
        <label class="option select-all">
          <input
            type="checkbox"
            checked={allHere()}
            onChange={(event) => {
              const calls = page()?.calls ?? [];
              if (event.currentTarget.checked) select(calls);
              else drop(calls.map((call) => call.id));
            }}
          />
          <span>Select all on this page</span>
        </label>
      </Show>
      <Show when={selected().length > 0}>
        <Selection calls={selected()} drop={drop} done={again} />
      </Show>
      <ul class="things" ref={list}>
        <For each={page()?.calls}>
          {(call) => (
            <Row
              call={call}
              opened={opened() === call.id}
              to={to(call.id)}
              selected={isSelected(call.id)}
              select={(wanted) => (wanted ? select([call]) : drop([call.id]))}
            />
          )}
        </For>
      </ul>
      <nav class="row" aria-label="Pages of calls">
        <button
          type="button"
          class="small"
          disabled={befores().length === 1}
          onClick={() => turn(befores().slice(0, -1))}
        >
          Newer
        </button>
        <button
          type="button"
          class="small"
          disabled={!page()?.next}
          onClick={() => turn([...befores(), page()?.next ?? ''])}
        >
          Older
        </button>
      </nav>
    </section>
  );
}

/** The page of calls that is asked for; the one before stays while it comes, and the row of a call on both stays. */
function createPage(query: () => string, asked: () => number) {
  const [page, setPage] = createNewest<CallPage>('id');
  const [trouble, setTrouble] = createSignal<Trouble | null>(null);
  createEffect(
    on([query, asked, key], () => {
      const gone = new AbortController();
      onCleanup(() => gone.abort());
      ask<CallPage>('GET', `/api/history?${query()}`, { signal: gone.signal })
        .then((found) => {
          setPage(found);
          setTrouble(null);
        })
        .catch((cause) => gone.signal.aborted || setTrouble(troubleOf(cause)));
    }),
  );
  return { page, trouble };
}

function Row(given: {
  call: KeptCall;
  opened: boolean;
  to: string;
  selected: boolean;
  select: (wanted: boolean) => void;
}): JSX.Element {
  const when = () => new Date(given.call.began * 1000).toLocaleString();
  const engines = () => modelsOf(given.call.answered);
  const slowest = () =>
    given.call.slowest_ms === null
      ? ''
      : ` · slowest response ${Math.round(given.call.slowest_ms).toLocaleString('en')} ms`;
  return (
    <li class="card thing" data-kept={given.call.id}>
      <div class="thing-words">
        <p class="thing-name">
          <input
            type="checkbox"
            class="select-call"
            aria-label={`Select the call of ${when()}`}
            checked={given.selected}
            onChange={(event) => given.select(event.currentTarget.checked)}
          />
          {when()}
          <span class="tag">{given.call.line}</span>
          <Show when={given.call.caller}>
            <span class="tag">{given.call.caller}</span>
          </Show>
          <Show when={given.call.recording === 'kept'}>
            <span class="tag">recorded</span>
          </Show>
          <CallTags call={given.call} />
        </p>
        <Show when={given.call.first_words}>
          <p class="first-words">“{given.call.first_words}”</p>
        </Show>
        <p class="note">
          {callWords(given.call)}
          {slowest()}
        </p>
        <p class="note">{[given.call.agent, engines()].filter(Boolean).join(' · ')}</p>
      </div>
      <div class="thing-actions">
        <a class="button small" href={given.to} aria-current={given.opened ? 'true' : undefined}>
          Open
          <span class="unseen"> the call of {when()}</span>
        </a>
      </div>
    </li>
  );
}
