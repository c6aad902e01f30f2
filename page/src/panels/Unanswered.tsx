/** The questions that the agent could not answer: what one improves it by. */

import { createMemo, createResource, createUniqueId, For, type JSX, Show } from 'solid-js';
import { ask, key, troubleOf } from '../api';
import { address, go, route } from '../route';
import type { UnansweredQuestion, UnansweredQuestions } from '../schema';
import { SINCE, sinceOf, unansweredQuery, whyWords } from './history-query';
import { Loading, Unavailable } from './widgets';

const WHY = ['not_known', 'engine_failed', 'asked_for_person'] as const;

export function Unanswered(): JSX.Element {
  const why = createUniqueId();
  const since = createUniqueId();
  const asked = createMemo(
    () => (route().view === 'unanswered' ? route().query : {}),
    {},
    {
      equals: (one, other) => JSON.stringify(one) === JSON.stringify(other),
    },
  );
  const [found] = createResource(
    () => [unansweredQuery(asked(), Date.now() / 1000), key()] as const,
    ([query]) => ask<UnansweredQuestions>('GET', `/api/unanswered?${query}`),
  );
  const now = () => (found.error ? undefined : found.latest);
  const set = (part: Record<string, string>) => go(address('unanswered', '', { ...asked(), ...part }));
  return (
    <section aria-labelledby="unanswered-head">
      <h2 id="unanswered-head">Unanswered questions</h2>
      <div class="filters">
        <div class="filter-field">
          <label for={why}>Why</label>
          <select id={why} onChange={(event) => set({ why: event.currentTarget.value })}>
            <option value="">Any reason</option>
            <For each={WHY}>
              {(one) => (
                <option value={one} selected={asked().why === one}>
                  {whyWords(one)}
                </option>
              )}
            </For>
          </select>
        </div>
        <div class="filter-field">
          <label for={since}>Asked</label>
          <select id={since} onChange={(event) => set({ since: event.currentTarget.value })}>
            <For each={SINCE}>
              {({ name, words }) => (
                <option value={name} selected={sinceOf(asked()) === name}>
                  {words}
                </option>
              )}
            </For>
          </select>
        </div>
      </div>
      <p class="note">
        Questions in much the same words stand together, the most frequent first. Add an answer or a fact that
        answers them, and try it with a test call.
      </p>
      <Unavailable trouble={found.error ? troubleOf(found.error) : null} />
      <Show when={now()} fallback={<Loading trouble={Boolean(found.error)} />}>
        {(list) => (
          <>
            <p class="note" role="status">
              {list().questions.length === 0
                ? 'No question is without an answer.'
                : `${list().questions.length.toLocaleString('en')} ${list().questions.length === 1 ? 'question' : 'questions'}, asked in ${list().turns.toLocaleString('en')} ${list().turns === 1 ? 'turn' : 'turns'}.`}
            </p>
            <ul class="things">
              <For each={list().questions}>{(one) => <Question of={one} />}</For>
            </ul>
          </>
        )}
      </Show>
    </section>
  );
}

function Question(given: { of: UnansweredQuestion }): JSX.Element {
  const day = (at: number) => new Date(at * 1000).toLocaleString();
  return (
    <li class="card thing">
      <div class="thing-words">
        <p class="thing-name">
          “{given.of.question}”<span class="tag">{given.of.times}×</span>
          <span class="tag">{whyWords(given.of.why)}</span>
        </p>
        <p class="note">{[given.of.agent, `last asked ${day(given.of.last)}`].filter(Boolean).join(' · ')}</p>
      </div>
      <div class="thing-actions">
        <a class="button small" href={address('agent', '', { asks: given.of.question })}>
          Add an answer
          <span class="unseen"> to “{given.of.question}”</span>
        </a>
      </div>
      <details>
        <summary>
          Where it was asked ({given.of.asked.length}
          {given.of.asked.length < given.of.times ? ` of ${given.of.times}` : ''})
        </summary>
        <ul class="asked">
          <For each={given.of.asked}>
            {(one) => (
              <li>
                <a href={address('history', one.call, { t: Math.floor(one.at ?? 0) })}>
                  Call {one.call.slice(0, 8)}, {day(one.began)}
                </a>
                <p>
                  <b>Caller</b> {one.heard}
                </p>
                <p>
                  <b>Agent</b> {one.said}
                </p>
              </li>
            )}
          </For>
        </ul>
      </details>
    </li>
  );
}
