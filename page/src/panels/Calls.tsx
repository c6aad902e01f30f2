/** The calls under way: other people's too. */

import { createEffect, createSignal, For, type JSX, on, Show } from 'solid-js';
import { ask } from '../api';
import type { ActiveCall, CallsStatus } from '../schema';
import { createActions } from './actions';
import { Follow } from './Follow';
import { lasting, type Mood } from './format';
import { createPolled } from './polled';
import { Confirm, ErrorMessage, Loading, Status, Unavailable } from './widgets';

const EVERY = 1_000; // ms
const MOODS: Record<ActiveCall['state'], Mood> = {
  connecting: 'none',
  listening: 'good',
  thinking: 'warn',
  speaking: 'good',
};

export function Calls(): JSX.Element {
  const calls = createPolled<CallsStatus>(
    (signal) => ask('GET', '/api/calls', { signal }),
    () => EVERY,
    'id',
  );
  const [followed, setFollowed] = createSignal('');
  const act = createActions();
  const count = () => calls.value()?.calls.length;
  return (
    <section aria-labelledby="calls-head">
      <h2 id="calls-head">Calls under way</h2>
      <Unavailable trouble={calls.trouble()} stale={Boolean(calls.value())} />
      <Show when={!calls.value()}>
        <Loading trouble={Boolean(calls.trouble())} />
      </Show>
      <Counted count={count()} />
      <ul class="things">
        <For each={calls.value()?.calls}>
          {(call) => (
            <Row
              call={call}
              act={act}
              again={calls.again}
              followed={followed() === call.id}
              follow={() => setFollowed(followed() === call.id ? '' : call.id)}
            />
          )}
        </For>
      </ul>
      {/* Outside the list: what was said can be read after the call has left it. */}
      <Show when={followed()} keyed>
        {(id) => <Follow id={id} close={() => setFollowed('')} />}
      </Show>
    </section>
  );
}

/** Said only when the number changes. */
function Counted(given: { count: number | undefined }): JSX.Element {
  const [words, setWords] = createSignal('');
  createEffect(
    on(
      () => given.count,
      (count) => {
        if (count === undefined) return;
        setWords(count === 0 ? 'Nobody is on the line.' : count === 1 ? 'One call.' : `${count} calls.`);
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
      ? 'no answer yet'
      : `last answer after ${Math.round(given.call.last_e2e_ms)} ms`;
  const engines = () =>
    ['stt', 'llm', 'tts']
      .map((role) => given.call.engines[role])
      .filter(Boolean)
      .join(' → ');
  const end = () =>
    void given.act
      .act(given.call.id, 'end', () => ask('POST', `/api/calls/${encodeURIComponent(given.call.id)}/end`))
      .then(given.again);
  return (
    <li class="card thing" data-call={given.call.id}>
      <div class="thing-words">
        <p class="thing-name">
          Call {short()}
          <span class="tag">{given.call.line}</span>
          <span class="tag">{given.call.codec}</span>
        </p>
        <p class="note">{[lasting(given.call.seconds), turns(), latency()].join(' · ')}</p>
        <p class="note">{engines()}</p>
        <Status mood={MOODS[given.call.state]} words={given.call.state} />
      </div>
      <div class="thing-actions">
        <button type="button" class="small" aria-expanded={given.followed} onClick={() => given.follow()}>
          {given.followed ? 'Stop following' : 'Follow'}
          <span class="unseen"> call {short()}</span>
        </button>
        <Confirm
          label={`End call ${short()}`}
          words="End"
          question={`End call ${short()}? The caller is told that an operator ended it, and the line is hung up.`}
          yes="End the call"
          no="Let it go on"
          busy={doing().busy !== ''}
          onYes={end}
        />
      </div>
      <ErrorMessage words={doing().trouble} />
    </li>
  );
}
