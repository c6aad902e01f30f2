/** Who answers: what the agent is told, knows, and says by rule. */

import { createEffect, createMemo, createSignal, For, type JSX, onCleanup, Show } from 'solid-js';
import { ask, troubleOf } from '../api';
import { type Calls, inCall } from '../call/create';
import { choose } from '../choices';
import { createPolled } from '../polled';
import { address, go, replaceRoute, route } from '../route';
import type { AgentDraft, Agent as Told } from '../schema';
import { AgentFile } from './AgentFile';
import { AgentForm } from './AgentForm';
import { AgentVersions } from './AgentVersions';
import { createActions } from './actions';
import { arrived, begin, copy, draft, type Newest, newest, setDraft, unsaved, write } from './agent-draft';
import { type AgentTextState, createAgentText, unfinished } from './agent-text';
import { Differences } from './Differences';
import { afterSave, alike, faultOf, faults, MOST_BYTES, sizeOf, tidy } from './draft';
import { BusyButton, Confirm, ErrorMessage, Loading, Unavailable } from './widgets';
import { size } from './words';

const EVERY = 10_000; // ms; somebody else may edit too

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
    const asked = query.asks;
    setDraft('agent', 'answers', (before) => [
      ...before,
      { about: asked.slice(0, 200), says: '', asks: [asked] },
    ]);
    replaceRoute(address('agent', id));
    queueMicrotask(() => {
      const said = document.querySelectorAll<HTMLElement>('.answer');
      said[said.length - 1]?.closest('details')?.setAttribute('open', '');
      said[said.length - 1]?.querySelector<HTMLElement>('textarea:last-of-type')?.focus();
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
              take={(version) => write(version.agent)}
            />
          )}
        </Show>
      </Show>
    </section>
  );
}

const WAYS = [
  ['', 'Fields'],
  ['file', 'File (TOML)'],
] as const;

/** The agent as its file; the form hears of its state, to wait for what is being checked. */
function AsFile(given: {
  agent: Told;
  put: (agent: Told) => void;
  use: (state: AgentTextState | null) => void;
}): JSX.Element {
  const state = createAgentText(() => given.agent, given.put);
  given.use(state);
  onCleanup(() => given.use(null));
  return <AgentFile state={state} />;
}

function Form(given: { again: () => void; calls: Calls }): JSX.Element {
  let form!: HTMLFormElement;
  const act = createActions();
  const [saved, setSaved] = createSignal(false);
  const [pressed, setPressed] = createSignal(false);
  const [meanwhile, setMeanwhile] = createSignal<Newest | null>(null); // what somebody else saved
  const agent = () => draft.agent as Told;
  const as = () => (route().query.as === 'file' ? 'file' : '');
  const [text, setText] = createSignal<AgentTextState | null>(null); // where the agent is written as its file
  const changed = createMemo(unsaved);
  const [refusal, setRefusal] = createSignal<Record<string, string>>({}); // the gateway's, until something is changed
  const wrong = createMemo(() => faults(agent()));
  const shown = () => (pressed() ? { ...refusal(), ...wrong() } : {});
  const put = (part: Partial<Told>) => {
    setSaved(false);
    setRefusal({});
    setDraft('agent', (before) => ({ ...(before as Told), ...part }));
  };
  /** Whether it can be sent; where not, to the first field that is wrong. */
  const whole = async (): Promise<boolean> => {
    setPressed(true);
    setSaved(false);
    setRefusal({});
    if ((await text()?.check()) === false || Object.keys(wrong()).length > 0) toFault();
    return !text()?.broken() && Object.keys(wrong()).length === 0;
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
    if (!(await whole())) return;
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
    if (!(await whole())) return;
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
      write(typed);
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
      <p class="ways">
        <For each={WAYS}>
          {([way, words]) => (
            <a
              class="button small"
              href={address('agent', route().id, way ? { as: way } : {})}
              aria-current={as() === way ? 'true' : undefined}
            >
              {words}
            </a>
          )}
        </For>
      </p>
      <Show when={as() === '' && unfinished()}>
        <p class="trouble" role="status">
          The file has text with mistakes that is not in these fields.{' '}
          <a href={address('agent', route().id, { as: 'file' })}>Go on with it</a>
        </p>
      </Show>
      <Show when={as() === 'file'} fallback={<AgentForm agent={agent()} put={put} wrong={shown()} />}>
        <AsFile agent={agent()} put={(now) => put(now)} use={(state) => setText(state)} />
      </Show>
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
        <a class="button small" href={address('rehearsals')}>
          Rehearse
        </a>
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
          (text()?.broken() && pressed() ? 'Not saved: the file has mistakes.' : '') ||
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
