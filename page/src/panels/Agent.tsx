/** Who answers: what the agent is told, knows, and says by rule. */

import { createMemo, createSignal, type JSX, Show } from 'solid-js';
import { createStore, reconcile, unwrap } from 'solid-js/store';
import { ask, troubleOf } from '../api';
import type { Agent as Told } from '../schema';
import { Examples, Facts, Words } from './AgentFields';
import { createActions } from './actions';
import { alike, faults, tidy } from './draft';
import { createPolled } from './polled';
import { BusyButton, Confirm, ErrorMessage, Loading, Unavailable } from './widgets';

const EVERY = 10_000; // ms; somebody else may edit too

// What is being written outlives the panel: who looks at a call meanwhile finds it again.
const [draft, setDraft] = createStore<{ agent: Told | null; from: Told | null }>({ agent: null, from: null });
const copy = (agent: Told): Told => structuredClone(unwrap(agent));

export function Agent(): JSX.Element {
  const kept = createPolled<Told>(
    (signal) => ask('GET', '/api/agent', { signal }).then((agent) => arrived(agent as Told)),
    () => EVERY,
  );
  return (
    <section aria-labelledby="agent-head">
      <h2 id="agent-head">Agent</h2>
      <p class="note">
        Counts from the next call on. The agent's file is not written; the change is kept beside it.
      </p>
      <Unavailable trouble={kept.trouble()} stale={Boolean(draft.agent)} />
      <Show when={!draft.agent}>
        <Loading trouble={Boolean(kept.trouble())} />
      </Show>
      <Show when={draft.agent}>
        <Form again={kept.again} />
      </Show>
    </section>
  );
}

/** The gateway's agent has come: what nobody has changed here follows it. */
function arrived(agent: Told): Told {
  const untouched = !draft.agent || !draft.from || alike(draft.agent, draft.from);
  if (untouched && !(draft.from && alike(draft.from, agent) && draft.agent)) begin(agent);
  return agent;
}

function begin(agent: Told): void {
  setDraft('agent', reconcile(copy(agent), { key: null, merge: true }));
  setDraft('from', reconcile(copy(agent), { key: null, merge: true }));
}

function Form(given: { again: () => void }): JSX.Element {
  const act = createActions();
  const [saved, setSaved] = createSignal(false);
  const [pressed, setPressed] = createSignal(false);
  const agent = () => draft.agent as Told;
  const changed = createMemo(() => Boolean(draft.from) && !alike(agent(), draft.from as Told));
  const wrong = createMemo(() => faults(agent()));
  const shown = () => (pressed() ? wrong() : {});
  const put = (part: Partial<Told>) => {
    setSaved(false);
    setDraft('agent', (before) => ({ ...(before as Told), ...part }));
  };
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    setPressed(true);
    setSaved(false);
    if (Object.keys(wrong()).length > 0) {
      const form = event.currentTarget as HTMLFormElement;
      queueMicrotask(() => form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    await act.act('agent', 'save', async () => {
      begin(await ask<Told>('PUT', '/api/agent', { body: tidy(copy(agent())) }).catch(refused));
      setPressed(false);
      setSaved(true);
    });
    given.again();
  };
  const revert = () => {
    if (draft.from) begin(draft.from);
    setPressed(false);
    setSaved(false);
  };
  return (
    <form class="agent" novalidate onSubmit={save}>
      <Words field="name" words="Name of the desk" agent={agent()} put={put} wrong={shown()} rows={1} />
      <Words
        field="prompt"
        words="Prompt"
        about="Who the agent is, and how it speaks. What it says is heard, not read: ask for short plain sentences."
        agent={agent()}
        put={put}
        wrong={shown()}
        rows={8}
      />
      <Words
        field="greeting"
        words="Greeting"
        about="Said first, word for word; empty: nothing is."
        agent={agent()}
        put={put}
        wrong={shown()}
        rows={2}
      />
      <Facts facts={agent().facts} put={(facts) => put({ facts })} />
      <Examples examples={agent().examples} put={(examples) => put({ examples })} wrong={shown()} />
      <Words
        field="transfer"
        words="To callers who ask for a person"
        agent={agent()}
        put={put}
        wrong={shown()}
        rows={2}
      />
      <Words
        field="reprompt"
        words="To a caller who is silent"
        about="Asked once; empty: nothing is."
        agent={agent()}
        put={put}
        wrong={shown()}
        rows={2}
      />
      <Words
        field="goodbye"
        words="To a caller who stays silent"
        about="Said to its end, then the line is hung up; empty: it is not."
        agent={agent()}
        put={put}
        wrong={shown()}
        rows={2}
      />
      <div class="agent-foot">
        <BusyButton busy={act.of('agent').busy !== ''} main submit label="Save" words="Save" />
        <Confirm
          label="Revert"
          words="Revert"
          question="Forget what was changed here, and take the agent as it was saved last?"
          yes="Forget the changes"
          no="Keep editing"
          disabled={!changed()}
          onYes={revert}
        />
        <p class="note" role="status">
          {saved() ? 'Saved: the next call is answered so.' : changed() ? 'Changed, not saved.' : ''}
        </p>
      </div>
      <ErrorMessage
        words={
          act.of('agent').trouble ||
          (Object.keys(shown()).length > 0 ? 'Not saved: see the fields above.' : '')
        }
      />
    </form>
  );
}

/** A refused change says first that nothing was saved. */
function refused(cause: unknown): never {
  const trouble = troubleOf(cause);
  trouble.message = `Not saved: ${trouble.message}`;
  throw trouble;
}
