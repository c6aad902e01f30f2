/** Who answers: what the agent is told, knows, and says by rule. */

import { createEffect, createMemo, createRoot, createSignal, type JSX, Show } from 'solid-js';
import { createStore, reconcile, unwrap } from 'solid-js/store';
import { ask, troubleOf } from '../api';
import { createPolled } from '../polled';
import type { AgentVersions as AgentVersionsKept, Agent as Told } from '../schema';
import { Examples, Facts, Words } from './AgentFields';
import { AgentVersions } from './AgentVersions';
import { createActions } from './actions';
import { Differences } from './Differences';
import { afterSave, alike, type Draft, faults, readDraft, tidy } from './draft';
import { BusyButton, Confirm, ErrorMessage, Loading, Unavailable } from './widgets';

const EVERY = 10_000; // ms; somebody else may edit too

const KEPT = 'lineside agent draft'; // in this tab's sessionStorage

// What is being written outlives the panel and a reload: who looks at a call meanwhile finds it again.
const [draft, setDraft] = createStore<Draft>(readDraft(globalThis.sessionStorage?.getItem(KEPT) ?? null));
createRoot(() =>
  createEffect(() => {
    const { agent, from } = draft;
    if (agent && from && !alike(agent, from))
      sessionStorage.setItem(KEPT, JSON.stringify({ agent, from, of: draft.of }));
    else sessionStorage.removeItem(KEPT);
  }),
);
const copy = (agent: Told): Told => structuredClone(unwrap(agent));

interface Newest {
  readonly agent: Told;
  readonly kept: AgentVersionsKept;
}

/** The agent that answers now, and its versions. */
async function newest(signal?: AbortSignal): Promise<Newest> {
  const given = signal ? { signal } : {};
  const kept = await ask<AgentVersionsKept>('GET', '/api/agent/versions', given);
  return { kept, agent: await ask<Told>('GET', '/api/agent', given) };
}

export function Agent(): JSX.Element {
  const polled = createPolled<Newest>(
    (signal) => newest(signal).then(arrived),
    () => EVERY,
  );
  return (
    <section aria-labelledby="agent-head">
      <h2 id="agent-head">Agent</h2>
      <p class="note">Applies to new calls. Saved as an override in DATA_DIR; AGENT_FILE is unchanged.</p>
      <Unavailable trouble={polled.trouble()} stale={Boolean(draft.agent)} />
      <Show when={!draft.agent}>
        <Loading trouble={Boolean(polled.trouble())} />
      </Show>
      <Show when={draft.agent}>
        <Form again={polled.again} />
        <Show when={polled.value()}>
          {(now) => (
            <AgentVersions
              kept={now().kept}
              now={draft.agent as Told}
              take={(version) =>
                setDraft('agent', reconcile(copy(version.agent), { key: null, merge: true }))
              }
            />
          )}
        </Show>
      </Show>
    </section>
  );
}

/** The gateway's agent has come: what nobody has changed here follows it. */
function arrived(now: Newest): Newest {
  const untouched = !draft.agent || !draft.from || alike(draft.agent, draft.from);
  if (untouched && !(draft.from && alike(draft.from, now.agent) && draft.agent)) begin(now.agent);
  if (untouched) setDraft('of', now.kept.current);
  return now;
}

function begin(agent: Told): void {
  setDraft('agent', reconcile(copy(agent), { key: null, merge: true }));
  setDraft('from', reconcile(copy(agent), { key: null, merge: true }));
}

function Form(given: { again: () => void }): JSX.Element {
  const act = createActions();
  const [saved, setSaved] = createSignal(false);
  const [pressed, setPressed] = createSignal(false);
  const [meanwhile, setMeanwhile] = createSignal<Newest | null>(null); // what somebody else saved
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
      const sent = copy(agent());
      const path = `/api/agent?replaces=${encodeURIComponent(draft.of)}`;
      const now = await ask<Told>('PUT', path, { body: tidy(sent) }).catch(async (cause) => {
        if (troubleOf(cause).code === 'changed_meanwhile') setMeanwhile(await newest());
        return refused(cause);
      });
      // What was typed while the answer was on its way stays, as a change of what is saved now.
      const typed = afterSave(agent(), sent, now);
      begin(now);
      setDraft('of', (await newest()).kept.current);
      setDraft('agent', reconcile(copy(typed), { key: null, merge: true }));
      setPressed(false);
      setMeanwhile(null);
      setSaved(alike(typed, now));
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
      <Words field="name" words="Agent name" agent={agent()} put={put} wrong={shown()} rows={1} />
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
        about="Spoken at the start of a call; leave empty for none."
        agent={agent()}
        put={put}
        wrong={shown()}
        rows={2}
      />
      <Facts facts={agent().facts} put={(facts) => put({ facts })} />
      <Examples examples={agent().examples} put={(examples) => put({ examples })} wrong={shown()} />
      <Words field="transfer" words="Transfer message" agent={agent()} put={put} wrong={shown()} rows={2} />
      <Words
        field="reprompt"
        words="Silence prompt"
        about="Asked once of a silent caller; leave empty for none."
        agent={agent()}
        put={put}
        wrong={shown()}
        rows={2}
      />
      <Words
        field="goodbye"
        words="Goodbye before hanging up"
        about="Said to a caller who stays silent, before the line is hung up; leave empty to stay on the line."
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
          question="Discard the changes made here since the last save?"
          yes="Discard changes"
          disabled={!changed()}
          onYes={revert}
        />
        <p class="note" role="status">
          {act.of('agent').busy
            ? 'Saving …'
            : saved() && !changed()
              ? 'Saved. Applies to new calls.'
              : changed()
                ? 'Changed, not saved.'
                : ''}
        </p>
      </div>
      <Show when={meanwhile()}>
        {(other) => (
          <Meanwhile
            mine={agent()}
            theirs={other().agent}
            take={() => {
              begin(other().agent);
              setDraft('of', other().kept.current);
              setMeanwhile(null);
              act.clear('agent');
            }}
            keep={() => {
              setDraft('of', other().kept.current);
              setMeanwhile(null);
              act.clear('agent');
            }}
          />
        )}
      </Show>
      <ErrorMessage
        words={
          act.of('agent').trouble ||
          (Object.keys(shown()).length > 0 ? 'Not saved: see the fields above.' : '')
        }
      />
    </form>
  );
}

/** Two people changed the agent: what the other one saved, and whose words shall count. */
function Meanwhile(given: { mine: Told; theirs: Told; take: () => void; keep: () => void }): JSX.Element {
  return (
    <section class="card" aria-label="Saved by somebody else">
      <p>Somebody else saved this agent while you were writing. Theirs differs from yours:</p>
      <Differences before={given.theirs} now={given.mine} />
      <div class="row">
        <button type="button" class="small" onClick={given.take}>
          Discard mine, take theirs
        </button>
        <button type="button" class="small" onClick={given.keep}>
          Keep mine, overwrite theirs at the next save
        </button>
      </div>
    </section>
  );
}

/** A refused change says first that nothing was saved. */
function refused(cause: unknown): never {
  const trouble = troubleOf(cause);
  trouble.message = `Not saved: ${trouble.message}`;
  throw trouble;
}
