/** Which engines answer, and which of them the next call shall have. */

import { createMemo, createUniqueId, For, type JSX, Show } from 'solid-js';
import { ask } from '../api';
import { choices, choose } from '../choices';
import { engineWords, forTests } from '../format';
import { createPolled } from '../polled';
import { address } from '../route';
import type { EngineStatus, EnginesStatus, ModelStatus, RoleEngines } from '../schema';
import { createModels, Models } from './Models';
import { NextCall } from './NextCall';
import { Voices } from './Voices';
import { Loading, Status, Unavailable } from './widgets';
import { answering, apart, notDownloaded, roleWords, standing } from './words';

type Role = keyof EnginesStatus;
const ROLES: readonly Role[] = ['stt', 'llm', 'tts'];
const EVERY = 5_000; // ms; the gateway's own checks are 10 s old at most

export function Engines(): JSX.Element {
  const engines = createPolled<EnginesStatus>(
    (signal) => ask('GET', '/api/engines', { signal }),
    () => EVERY,
  );
  const models = createModels();
  const down = createMemo(() => {
    const now = engines.value();
    const all = now ? ROLES.flatMap((role) => now[role].engines) : [];
    return new Map(all.filter((one) => one.up === false).map((one) => [one.name, one.why]));
  });
  return (
    <>
      <section aria-labelledby="engines-head">
        <h2 id="engines-head">Engines for calls from this browser</h2>
        <p class="note">Saved in this browser; active calls are not affected.</p>
        <Unavailable trouble={engines.trouble()} stale={Boolean(engines.value())} />
        <Show when={engines.value()} fallback={<Loading trouble={Boolean(engines.trouble())} />}>
          {(now) => (
            <div class="cards">
              <For each={ROLES}>
                {(role) => (
                  <RoleCard role={role} engines={now()[role]} models={models.value()?.models ?? []} />
                )}
              </For>
            </div>
          )}
        </Show>
      </section>
      <div class="cards">
        <NextCall />
        <Show when={engines.value()}>{(now) => <Voices voices={now().tts} />}</Show>
      </div>
      <Models models={models} down={down()} />
    </>
  );
}

function RoleCard(given: { role: Role; engines: RoleEngines; models: readonly ModelStatus[] }): JSX.Element {
  const chosen = () => choices()[given.role];
  const used = createMemo(() =>
    given.engines.engines.find((engine) => engine.name === (chosen() || given.engines.default)),
  );
  return (
    <fieldset class="card role" data-role={given.role}>
      <legend>{roleWords(given.role)}</legend>
      <Option
        role={given.role}
        value=""
        label={`Default (${engineWords(given.engines.default)})`}
        checked={chosen() === ''}
      />
      <For
        each={apart(given.engines.engines, [chosen(), given.engines.default]).filter(
          (one) => !forTests(one.name) || one.name === chosen(),
        )}
      >
        {(engine) => (
          <Option
            role={given.role}
            value={engine.name}
            label={engineWords(engine.name)}
            checked={chosen() === engine.name}
            engine={engine}
            model={answering(engine, given.engines.engines).model}
            missing={notDownloaded(
              engine.name,
              chosen() === engine.name && given.role !== 'stt' ? choices()[partOf(given.role)] : '',
              given.models,
            )}
          />
        )}
      </For>
      <Show when={!used()}>
        <p class="trouble">
          {chosen() || given.engines.default} is not available here. Choose another engine.
        </p>
      </Show>
      <Show when={used()}>
        {(engine) => <Which role={given.role} engine={engine()} all={given.engines.engines} />}
      </Show>
    </fieldset>
  );
}

function Option(given: {
  role: Role;
  value: string;
  label: string;
  checked: boolean;
  engine?: EngineStatus;
  /** What answers in truth. */
  model?: string;
  /** Its model has to be downloaded first. */
  missing?: boolean;
}): JSX.Element {
  return (
    <label class="option">
      <input
        type="radio"
        name={`engine-${given.role}`}
        value={given.value}
        checked={given.checked}
        onChange={() => choose({ [given.role]: given.value })}
      />
      <span class="option-words">
        <span>
          {given.label}
          <Show when={given.engine?.embedded}>
            <span class="tag">built-in</span>
          </Show>
        </span>
        <Show when={given.engine}>
          {(engine) => (
            <Show
              when={given.missing && engine().up !== false}
              fallback={<Standing engine={engine()} model={given.model ?? ''} />}
            >
              <Status mood="warn" words="Not downloaded: another engine answers until it is" />
            </Show>
          )}
        </Show>
      </span>
    </label>
  );
}

/** Whether an engine would answer; where a service of the host has to be started for it, with the way there. */
function Standing(given: { engine: EngineStatus; model: string }): JSX.Element {
  return (
    <>
      <Status {...standing(given.engine)} />
      <Show when={given.engine.up && given.model}>
        <span class="note">{given.model}</span>
      </Show>
      <Show when={given.engine.up === false && given.engine.why.includes('lineside host')}>
        <a class="note" href={address('services')}>
          Start it under Services
        </a>
      </Show>
    </>
  );
}

const partOf = (role: Role): 'llmModel' | 'voice' => (role === 'llm' ? 'llmModel' : 'voice');

/** The model or the voice of an engine; an engine without a list takes any. */
function Which(given: { role: Role; engine: EngineStatus; all: readonly EngineStatus[] }): JSX.Element {
  const id = createUniqueId();
  const part = () => partOf(given.role);
  const words = () => (given.role === 'llm' ? 'Model' : 'Voice');
  const now = () => String(choices()[part()] ?? '');
  const offered = () => given.engine.choices;
  const set = () => {
    const choice = answering(given.engine, given.all).default_choice;
    return choice ? `Default (${choice})` : 'Default';
  };
  const take = (value: string) => choose({ [part()]: value.trim() });
  return (
    <Show
      when={given.role !== 'stt'}
      fallback={
        <Show when={offered().length > 0}>
          <p class="note">Model: {offered().join(', ')} (change it in the settings)</p>
        </Show>
      }
    >
      <label class="field" for={id}>
        {words()} of {engineWords(given.engine.name)}
      </label>
      <Show
        when={offered().length > 0}
        fallback={
          <input
            id={id}
            value={now()}
            maxLength={200}
            placeholder={set()}
            onChange={(event) => take(event.currentTarget.value)}
          />
        }
      >
        <select id={id} onChange={(event) => take(event.currentTarget.value)}>
          <option value="" selected={now() === ''}>
            {set()}
          </option>
          <For each={offered()}>
            {(choice) => (
              <option value={choice} selected={now() === choice}>
                {choice}
                {given.engine.name === 'auto' && answering(given.engine, given.all).name !== 'ollama'
                  ? ' (Ollama does not answer)'
                  : ''}
              </option>
            )}
          </For>
          <Show when={now() && !offered().includes(now())}>
            <option value={now()} selected>
              {now()} (not offered)
            </option>
          </Show>
        </select>
      </Show>
    </Show>
  );
}
