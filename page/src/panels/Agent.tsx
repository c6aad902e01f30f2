/** Who answers: what the agent is told, knows, and says by rule. */

import { createEffect, createMemo, createRoot, createSignal, type JSX, Show } from 'solid-js';
import { createStore, reconcile, unwrap } from 'solid-js/store';
import { ask, troubleOf } from '../api';
import { type Calls, inCall } from '../call/create';
import { choose } from '../choices';
import { createPolled } from '../polled';
import { address, go, replaceRoute, route } from '../route';
import type { AgentDraft, AgentVersions as AgentVersionsKept, Agent as Told } from '../schema';
import { AgentDesk } from './AgentDesk';
import { Facts } from './AgentFacts';
import { Examples, Words } from './AgentFields';
import { AgentVersions } from './AgentVersions';
import { createActions } from './actions';
import { Differences } from './Differences';
import { afterSave, alike, type Draft, faultOf, faults, MOST_BYTES, readDraft, sizeOf, tidy } from './draft';
import { BusyButton, Confirm, ErrorMessage, Loading, Unavailable } from './widgets';
import { size } from './words';

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

export function Agent(given: { calls: Calls }): JSX.Element {
  const polled = createPolled<Newest>(
    (signal) => newest(signal).then(arrived),
    () => EVERY,
  );
  // `?asks=` in the address: a question of the list of those without an answer.
  createEffect(() => {
    const { view, query, id } = route();
    const now = draft.agent;
    if (view !== 'agent' || !query.asks || !now) return;
    setDraft('agent', 'examples', (before) => [...before, { asks: query.asks ?? '', says: '' }]);
    replaceRoute(address('agent', id));
    queueMicrotask(() => {
      const said = document.querySelectorAll<HTMLElement>('.example textarea');
      said[said.length - 1]?.focus();
    });
  });
  return (
    <section aria-labelledby="agent-head">
      <h2 id="agent-head">Agent</h2>
      <p class="note">Applies to new calls. Saved as an override in DATA_DIR; AGENT_FILE is unchanged.</p>
      <Unavailable trouble={polled.trouble()} stale={Boolean(draft.agent)} />
      <Show when={!draft.agent}>
        <Loading trouble={Boolean(polled.trouble())} />
      </Show>
      <Show when={draft.agent}>
        <Form again={polled.again} calls={given.calls} />
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

function Form(given: { again: () => void; calls: Calls }): JSX.Element {
  let form!: HTMLFormElement;
  const act = createActions();
  const [saved, setSaved] = createSignal(false);
  const [pressed, setPressed] = createSignal(false);
  const [meanwhile, setMeanwhile] = createSignal<Newest | null>(null); // what somebody else saved
  const agent = () => draft.agent as Told;
  const changed = createMemo(() => Boolean(draft.from) && !alike(agent(), draft.from as Told));
  const [refusal, setRefusal] = createSignal<Record<string, string>>({}); // the gateway's, until something is changed
  const wrong = createMemo(() => faults(agent()));
  const shown = () => (pressed() ? { ...refusal(), ...wrong() } : {});
  const put = (part: Partial<Told>) => {
    setSaved(false);
    setRefusal({});
    setDraft('agent', (before) => ({ ...(before as Told), ...part }));
  };
  /** Whether it can be sent; where not, to the first field that is wrong. */
  const whole = (): boolean => {
    setPressed(true);
    setSaved(false);
    setRefusal({});
    if (Object.keys(wrong()).length > 0) toFault();
    return Object.keys(wrong()).length === 0;
  };
  const toFault = () =>
    queueMicrotask(() => form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  const refused = (cause: unknown, words: string): never => {
    const trouble = troubleOf(cause);
    setRefusal(faultOf(trouble.message));
    if (Object.keys(refusal()).length > 0) toFault();
    trouble.message = `${words}: ${trouble.message}`;
    throw trouble;
  };
  const test = async () => {
    if (!whole()) return;
    const called = await act.act('agent', 'test', async () => {
      const body = tidy(copy(agent()));
      const kept = await ask<AgentDraft>('POST', '/api/agent/draft', { body }).catch((cause) =>
        refused(cause, 'No test call'),
      );
      choose({ draft: kept.draft });
    });
    if (!called) return;
    go(address('call'));
    given.calls.startOrEnd();
  };
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!whole()) return;
    await act.act('agent', 'save', async () => {
      const sent = copy(agent());
      const path = `/api/agent?replaces=${encodeURIComponent(draft.of)}`;
      const now = await ask<Told>('PUT', path, { body: tidy(sent) }).catch(async (cause) => {
        if (troubleOf(cause).code === 'changed_meanwhile') setMeanwhile(await newest());
        return refused(cause, 'Not saved');
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
    <form class="agent" novalidate onSubmit={save} ref={form}>
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
      <Facts facts={agent().facts} put={(facts) => put({ facts })} wrong={shown()} />
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
      <AgentDesk agent={agent()} put={put} wrong={shown()} />
      <div class="agent-foot">
        <BusyButton busy={act.of('agent').busy === 'save'} main submit label="Save" words="Save" />
        <Confirm
          label="Revert"
          words="Revert"
          question="Discard the changes made here since the last save?"
          yes="Discard changes"
          disabled={!changed()}
          onYes={revert}
        />
        <BusyButton
          busy={act.of('agent').busy === 'test'}
          label="Test call with what is written here"
          words="Test call"
          disabled={inCall(given.calls.state())}
          onPress={() => void test()}
        />
        <p class="note" role="status">
          {act.of('agent').busy === 'save'
            ? 'Saving …'
            : saved() && !changed()
              ? 'Saved. Applies to new calls.'
              : changed()
                ? 'Changed, not saved.'
                : ''}
        </p>
        <p class="note agent-size">
          about {sizeOf(agent()).tokens.toLocaleString('en')} tokens before a call's first words ·{' '}
          {size(sizeOf(agent()).bytes)} of {size(MOST_BYTES)}
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
          wrong().whole ||
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
