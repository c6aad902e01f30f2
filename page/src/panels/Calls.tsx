/** The calls under way, side by side: how each stands, and for how long. Other people's too. */

import { createEffect, createMemo, createSignal, For, type JSX, on, Show } from 'solid-js';
import { enginesOf } from '../answered';
import { ask } from '../api';
import { createPolled } from '../polled';
import { address, go, route } from '../route';
import type { ActiveCall, CallsStatus } from '../schema';
import { createActions } from './actions';
import { CallStanding } from './CallStanding';
import { Follow } from './Follow';
import { alarm, liveTags, partiesOf, type Standing, sinceOf } from './live';
import { Confirm, ErrorMessage, Loading, Unavailable } from './widgets';
import { lasting } from './words';

const EVERY = 1_000; // ms
const FOLLOWED = 4; // calls side by side; a browser has six connections to one address, and the page needs two
export function Calls(): JSX.Element {
  const calls = createPolled<CallsStatus>(
    (signal) => ask('GET', '/api/calls', { signal }),
    () => EVERY,
    'id',
  );
  const standings = createMemo<ReadonlyMap<string, Standing>>(
    (before) => sinceOf(before, calls.value()?.calls ?? []),
    new Map(),
  );
  const [onlyAlarms, setOnlyAlarms] = createSignal(false);
  const alarms = createMemo(() =>
    (calls.value()?.calls ?? []).filter((call) => alarm(call, standings().get(call.id)?.seconds ?? 0)),
  );
  // In the address, so that a reload and a colleague see the same calls.
  const followed = createMemo(
    () => (route().view === 'calls' ? route().id.split(',').filter(Boolean) : []),
    [],
    {
      equals: (one, other) => one.join() === other.join(),
    },
  );
  const follow = (id: string) => {
    const rest = followed().filter((one) => one !== id);
    const next = rest.length === followed().length ? [...rest, id].slice(-FOLLOWED) : rest;
    go(address('calls', next.join(',')));
  };
  const act = createActions();
  return (
    <section aria-labelledby="calls-head">
      <h2 id="calls-head">Live calls</h2>
      <Unavailable trouble={calls.trouble()} stale={Boolean(calls.value())} />
      <Show when={!calls.value()}>
        <Loading trouble={Boolean(calls.trouble())} />
      </Show>
      <div class="row">
        <Counted count={calls.value()?.calls.length} alarms={alarms().length} />
        <Show when={(calls.value()?.calls.length ?? 0) > 1}>
          <label class="option only-alarms">
            <input
              type="checkbox"
              checked={onlyAlarms()}
              onChange={(event) => setOnlyAlarms(event.currentTarget.checked)}
            />
            <span>Only calls that need attention</span>
          </label>
        </Show>
      </div>
      <ul class="things live">
        <For each={onlyAlarms() ? alarms() : calls.value()?.calls}>
          {(call) => (
            <Row
              call={call}
              standing={standings().get(call.id)}
              act={act}
              again={calls.again}
              followed={followed().includes(call.id)}
              follow={() => follow(call.id)}
            />
          )}
        </For>
      </ul>
      {/* Outside the list: what was said can be read after the call has left it. */}
      <div class="cards followed">
        <For each={followed()}>
          {(id) => (
            <Follow
              id={id}
              call={calls.value()?.calls.find((call) => call.id === id)}
              standing={standings().get(id)}
              again={calls.again}
              close={() => follow(id)}
            />
          )}
        </For>
      </div>
    </section>
  );
}

/** Said only when the number changes. */
function Counted(given: { count: number | undefined; alarms: number }): JSX.Element {
  const [words, setWords] = createSignal('');
  createEffect(
    on(
      () => [given.count, given.alarms] as const,
      ([count, alarms]) => {
        if (count === undefined) return;
        const loud = alarms === 0 ? '' : ` ${alarms} ${alarms === 1 ? 'needs' : 'need'} attention.`;
        setWords(
          (count === 0 ? 'No active calls.' : count === 1 ? '1 active call.' : `${count} active calls.`) +
            loud,
        );
      },
    ),
  );
  return (
    <p class="note" role="status">
      {words()}
    </p>
  );
}

interface Shown {
  readonly call: ActiveCall;
  readonly standing: Standing | undefined;
  readonly act: ReturnType<typeof createActions>;
  readonly again: () => void;
  readonly followed: boolean;
  readonly follow: () => void;
}

function Row(given: Shown): JSX.Element {
  const doing = () => given.act.of(given.call.id);
  const short = () => given.call.id.slice(0, 8);
  const turns = () => `${given.call.turns} ${given.call.turns === 1 ? 'turn' : 'turns'}`;
  const latency = () =>
    given.call.last_e2e_ms === null
      ? 'no reply yet'
      : `last response ${Math.round(given.call.last_e2e_ms).toLocaleString('en')} ms`;
  const engines = () =>
    enginesOf(
      given.call.answered,
      ['stt', 'llm', 'tts'].map((role) => given.call.engines[role]),
    );
  const loud = () => alarm(given.call, given.standing?.seconds ?? 0);
  const end = () =>
    void given.act
      .act(given.call.id, 'end', () => ask('POST', `/api/calls/${encodeURIComponent(given.call.id)}/end`))
      .then(given.again);
  return (
    <li class="card thing" data-call={given.call.id} data-alarm={loud()?.mood}>
      <div class="thing-words">
        <p class="thing-name">
          Call {short()}
          <span class="tag">{given.call.line}</span>
          <span class="tag">{given.call.codec}</span>
          <For each={liveTags(given.call)}>{(one) => <span class="tag">{one}</span>}</For>
        </p>
        <Show when={partiesOf(given.call)}>{(parties) => <p>{parties()}</p>}</Show>
        <CallStanding call={given.call} standing={given.standing} />
        <p class="note">{[lasting(given.call.seconds), turns(), latency()].join(' · ')}</p>
        <p class="note">{engines()}</p>
      </div>
      <div class="thing-actions">
        <button type="button" class="small" aria-expanded={given.followed} onClick={() => given.follow()}>
          {given.followed ? 'Stop' : 'Monitor'}
          <span class="unseen"> call {short()}</span>
        </button>
        <Confirm
          label={`End call ${short()}`}
          words="End"
          question={`End call ${short()}? The caller is told, then the line is hung up.`}
          yes="End the call"
          busy={doing().busy !== ''}
          onYes={end}
        />
      </div>
      <ErrorMessage words={doing().trouble} />
    </li>
  );
}
