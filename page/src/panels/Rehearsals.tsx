/** Scripted callers try the agent before people do: start, follow, cancel, and what came of it. */

import { createMemo, createSignal, createUniqueId, For, type JSX, Show } from 'solid-js';
import { ask } from '../api';
import { createPolled } from '../polled';
import { address } from '../route';
import type { RehearsalStatus, RehearsedScenario, StartRehearsal } from '../schema';
import { createActions } from './actions';
import { copy, draft, unsaved } from './agent-draft';
import { tidy } from './draft';
import { faultWords, rehearsalWords } from './rehearsal-words';
import { BusyButton, ErrorMessage, Loading, Status, Unavailable } from './widgets';
import { clockTime } from './words';

const EVERY = 10_000; // ms
const WHILE = 700; // while one is under way
const RUNS = [1, 2, 4, 8] as const;

export function Rehearsals(): JSX.Element {
  const status = createPolled<RehearsalStatus>(
    (signal) => ask('GET', '/api/rehearsal', { signal }),
    (now) => (now?.state === 'running' ? WHILE : EVERY),
  );
  return (
    <section aria-labelledby="rehearsals-head">
      <h2 id="rehearsals-head">Rehearsals</h2>
      <p class="note">
        Scripted callers type to the agent, and what it did is compared with what it should do. No real tool
        is called, nothing is kept, and engines are not used: its rules and wording are tried, not how well it
        hears.
      </p>
      <Unavailable trouble={status.trouble()} stale={Boolean(status.value())} />
      <Show when={status.value()} fallback={<Loading trouble={Boolean(status.trouble())} />}>
        {(now) => (
          <>
            <Start now={now()} again={status.again} />
            <Report now={now()} />
          </>
        )}
      </Show>
    </section>
  );
}

function Start(given: { now: RehearsalStatus; again: () => void }): JSX.Element {
  const act = createActions();
  const [mine, setMine] = createSignal(unsaved());
  const [only, setOnly] = createSignal('');
  const [runs, setRuns] = createSignal<number>(1);
  const id = createUniqueId();
  const running = () => given.now.state === 'running';
  const start = () => {
    const agent = mine() && draft.agent ? tidy(copy(draft.agent)) : null;
    const body: Partial<StartRehearsal> = { agent, only: only() ? [only()] : [], runs: runs() };
    void act.act('rehearsal', 'start', () => ask('POST', '/api/rehearsal', { body })).then(given.again);
  };
  const cancel = () =>
    void act.act('rehearsal', 'cancel', () => ask('POST', '/api/rehearsal/cancel')).then(given.again);
  return (
    <div class="card rehearsal">
      <div class="row">
        <div class="filter-field">
          <label for={`${id}-agent`}>Agent</label>
          <select
            id={`${id}-agent`}
            disabled={running()}
            onChange={(event) => setMine(event.currentTarget.value === 'draft')}
          >
            <option value="" selected={!mine()}>
              The one that answers calls
            </option>
            <option value="draft" selected={mine()} disabled={!unsaved()}>
              The editor's, not saved
            </option>
          </select>
        </div>
        <div class="filter-field">
          <label for={`${id}-scenarios`}>Scenarios</label>
          <select
            id={`${id}-scenarios`}
            disabled={running()}
            onChange={(event) => setOnly(event.currentTarget.value)}
          >
            <option value="">All ({given.now.scenarios.length})</option>
            <For each={given.now.scenarios}>{(one) => <option value={one.name}>{one.name}</option>}</For>
          </select>
        </div>
        <div class="filter-field">
          <label for={`${id}-runs`}>Calls of each</label>
          <select
            id={`${id}-runs`}
            disabled={running()}
            onChange={(event) => setRuns(Number(event.currentTarget.value))}
          >
            <For each={RUNS}>{(many) => <option value={many}>{many}</option>}</For>
          </select>
        </div>
      </div>
      <div class="row">
        <Show
          when={running()}
          fallback={
            <BusyButton
              busy={act.of('rehearsal').busy === 'start'}
              label="Start the rehearsal"
              words="Start"
              main
              disabled={given.now.scenarios.length === 0}
              onPress={start}
            />
          }
        >
          <BusyButton
            busy={act.of('rehearsal').busy === 'cancel'}
            label="Cancel the rehearsal"
            words="Cancel"
            onPress={cancel}
          />
        </Show>
        <p class="note">
          Scenarios of <code>{given.now.file}</code>
        </p>
        <a class="note" href={address('agent')}>
          Edit the agent
        </a>
      </div>
      <Show when={given.now.scenarios.length === 0 && given.now.state === 'idle'}>
        <p class="note">{given.now.why}</p>
      </Show>
      <ErrorMessage words={act.of('rehearsal').trouble} />
    </div>
  );
}

function Report(given: { now: RehearsalStatus }): JSX.Element {
  const done = () => given.now.results.length;
  const worst = createMemo(() =>
    [...given.now.results].sort((one, other) => one.passed / one.runs - other.passed / other.runs),
  );
  return (
    <Show when={given.now.state !== 'idle'}>
      <div class="card" aria-busy={given.now.state === 'running'}>
        <h3>
          {given.now.saved ? 'Agent version' : 'Draft'} {given.now.agent.slice(0, 6)}
          <span class="tag">{clockTime(given.now.began)}</span>
        </h3>
        <Show when={given.now.state === 'running'}>
          <progress aria-label="Scenarios rehearsed" max={given.now.total} value={done()} />
        </Show>
        <p role="status">{rehearsalWords(given.now)}</p>
        <Show when={given.now.state === 'failed'}>
          <p class="trouble">{given.now.why}</p>
        </Show>
        <ul class="rehearsed" aria-label="Scenarios">
          <For each={worst()}>{(one) => <Scenario of={one} />}</For>
        </ul>
      </div>
    </Show>
  );
}

function Scenario(given: { of: RehearsedScenario }): JSX.Element {
  const { of } = given;
  return (
    <li data-scenario={of.name}>
      <Status
        mood={of.passed === of.runs ? 'good' : 'bad'}
        words={`${of.name}: ${of.passed} of ${of.runs} ${of.runs === 1 ? 'call' : 'calls'} passed`}
      />
      <For each={of.faults}>{(fault) => <p class="trouble">{faultWords(fault)}</p>}</For>
      <Show when={of.conversation.length > 0}>
        <details>
          <summary>
            Transcript<span class="unseen"> of {of.name}</span> · {Math.round(of.seconds)} s of call
          </summary>
          <For each={of.conversation}>
            {(line) => (
              <p>
                <b>{line.who === 'caller' ? 'Caller' : 'Agent'}</b> {line.text}
              </p>
            )}
          </For>
        </details>
      </Show>
    </li>
  );
}
