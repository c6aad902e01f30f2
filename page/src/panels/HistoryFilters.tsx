/** What the history is narrowed to: search and filters, kept in the address. */

import { createEffect, createUniqueId, For, type JSX } from 'solid-js';
import { endWords } from '../format';
import type { Filter, Filters } from './history-query';

const REASONS = [
  'live',
  'caller_hung_up',
  'line_lost',
  'caller_silent',
  'caller_repeats',
  'engines_failed',
  'idle',
  'too_long',
  'agent_said_goodbye',
  'ended_by_operator',
  'transferred',
  'voicemail',
  'voicemail_left',
  'busy',
  'no_answer',
  'rejected',
  'not_reached',
  'cancelled',
  'called_too_often',
  'no_audio',
  'asked_for_person',
  'drained',
  'server_stopping',
  'internal_error',
  'gateway_died',
];
const TEXTS: readonly (readonly [Filter, string, string])[] = [
  ['caller', 'Caller', 'search'],
  ['agent', 'Agent', 'search'],
  ['line', 'Line', 'search'],
  ['from', 'From', 'date'],
  ['to', 'To', 'date'],
  ['shortest', 'At least (s)', 'number'],
  ['longest', 'At most (s)', 'number'],
  ['slow_ms', 'Slower than (ms)', 'number'],
  ['outcome', 'Outcome', 'search'],
  ['tag', 'Tag', 'search'],
];
const CHOICES: readonly (readonly [Filter, string, string, string])[] = [
  ['recorded', 'Recording', 'Recorded', 'Not recorded'],
  ['asked_for_person', 'Asked for a person', 'Asked', 'Not asked'],
  ['unanswered', 'Questions', 'Some not answered', 'All answered'],
  ['fallback', 'Engines', 'Another one answered', 'As chosen'],
  ['test', 'Test calls', 'Only test calls', 'Without test calls'],
];

export function HistoryFilters(given: { filters: Filters; set: (filters: Filters) => void }): JSX.Element {
  let form!: HTMLFormElement;
  const look = (event?: Event) => {
    event?.preventDefault();
    const told = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
    given.set(Object.fromEntries(told.filter(([, value]) => value)) as Filters);
  };
  let more!: HTMLDetailsElement;
  // What narrows the list is seen, wherever it comes from: a link, a reload, Back.
  createEffect(() => {
    if (Object.keys(given.filters).some((name) => name !== 'search')) more.open = true;
  });
  const narrowed = () => Object.keys(given.filters).length > 0;
  return (
    <search>
      <form class="history-search" ref={form} onSubmit={look}>
        <div class="row">
          <label class="unseen" for="history-search">
            Search transcript, caller or engine
          </label>
          <input
            id="history-search"
            name="search"
            type="search"
            placeholder="Search transcript, caller or engine"
            value={given.filters.search ?? ''}
          />
          <button type="submit" class="small">
            Search
          </button>
          <button type="button" class="small" disabled={!narrowed()} onClick={() => given.set({})}>
            Clear
          </button>
        </div>
        <details ref={more}>
          <summary>Filters</summary>
          <div class="filters">
            <For each={TEXTS}>
              {([name, words, type]) => (
                <Field words={words}>
                  {(id) => (
                    <input
                      id={id}
                      name={name}
                      type={type === 'number' ? 'number' : type}
                      min={type === 'number' ? 0 : undefined}
                      step={type === 'number' ? 'any' : undefined}
                      value={given.filters[name] ?? ''}
                      onChange={look}
                    />
                  )}
                </Field>
              )}
            </For>
            <Field words="Ended">
              {(id) => (
                <select id={id} name="reason" onChange={look}>
                  <option value="">Any reason</option>
                  <For each={REASONS}>
                    {(reason) => (
                      <option value={reason} selected={given.filters.reason === reason}>
                        {reason === 'live' ? 'Still active' : endWords(reason)}
                      </option>
                    )}
                  </For>
                </select>
              )}
            </Field>
            <For each={CHOICES}>
              {([name, words, yes, no]) => (
                <Field words={words}>
                  {(id) => (
                    <select id={id} name={name} onChange={look}>
                      <option value="">Any</option>
                      <option value="true" selected={given.filters[name] === 'true'}>
                        {yes}
                      </option>
                      <option value="false" selected={given.filters[name] === 'false'}>
                        {no}
                      </option>
                    </select>
                  )}
                </Field>
              )}
            </For>
          </div>
        </details>
      </form>
    </search>
  );
}

function Field(given: { words: string; children: (id: string) => JSX.Element }): JSX.Element {
  const id = createUniqueId();
  return (
    <div class="filter-field">
      <label for={id}>{given.words}</label>
      {given.children(id)}
    </div>
  );
}
