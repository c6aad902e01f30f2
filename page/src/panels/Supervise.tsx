/** What an operator can do in somebody's call: listen, say something as the agent, take it over, hand it back. */

import { createSignal, createUniqueId, type JSX, onCleanup, Show } from 'solid-js';
import { ask } from '../api';
import type { ActiveCall, SayInCall } from '../schema';
import { createActions } from './actions';
import { listened, listeningTrouble, listenTo, stopListening } from './listening';
import { BusyButton, ErrorMessage } from './widgets';

const LONGEST = 1000; // characters; the gateway says no more at once

export function Supervise(given: {
  id: string;
  call: ActiveCall | undefined;
  again: () => void;
}): JSX.Element {
  const id = createUniqueId();
  const act = createActions();
  const [words, setWords] = createSignal('');
  const short = given.id.slice(0, 8);
  const path = `/api/calls/${encodeURIComponent(given.id)}`;
  const listens = () => listened() === given.id;
  const taken = () => Boolean(given.call?.taken_over);
  onCleanup(() => listens() && stopListening());
  const order = (what: 'take-over' | 'hand-back') =>
    void act.act('order', what, () => ask('POST', `${path}/${what}`)).then(given.again);
  const say = async (event: SubmitEvent) => {
    event.preventDefault();
    const text = words().trim();
    if (!text || act.of('say').busy) return;
    const body: SayInCall = { text };
    if (await act.act('say', 'say', () => ask('POST', `${path}/say`, { body }))) setWords('');
  };
  return (
    <Show when={given.call}>
      <div class="supervise">
        <div class="row">
          <button
            type="button"
            class="small"
            aria-pressed={listens()}
            onClick={() => (listens() ? stopListening() : listenTo(given.id))}
          >
            {listens() ? 'Stop listening' : 'Listen'}
            <span class="unseen"> to call {short}</span>
          </button>
          <BusyButton
            busy={act.of('order').busy !== ''}
            label={taken() ? `Hand back call ${short} to the agent` : `Take over call ${short}`}
            words={taken() ? 'Hand back' : 'Take over'}
            main={taken()}
            onPress={() => order(taken() ? 'hand-back' : 'take-over')}
          />
          <p class="note" role="status">
            <Show when={listens()}>Caller left, agent right, a second late. </Show>
            <Show when={taken()}>You speak: the agent is silent until you hand the call back.</Show>
          </p>
        </div>
        <form class="row" onSubmit={say}>
          <label class="unseen" for={id}>
            Say to the caller of {short}
          </label>
          <input
            id={id}
            class="say-words"
            maxLength={LONGEST}
            autocomplete="off"
            placeholder={taken() ? 'Type: the caller hears it' : 'Have the agent say something'}
            value={words()}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
          <BusyButton
            busy={act.of('say').busy !== ''}
            submit
            label={`Say it to the caller of ${short}`}
            words="Say"
            disabled={!words().trim()}
          />
        </form>
        <ErrorMessage
          words={act.of('say').trouble || act.of('order').trouble || listeningTrouble(given.id)}
        />
      </div>
    </Show>
  );
}
