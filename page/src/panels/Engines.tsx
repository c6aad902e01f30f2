/** Which engines answer, and which of them the next call shall have. */

import { createMemo, createUniqueId, For, type JSX, Show } from 'solid-js';
import { ask } from '../api';
import { choices, choose } from '../choices';
import { engineWords } from '../format';
import { choicesOf, defaultWords, enginesOffered, isAbsent, modelBehind } from '../offers';
import { createPolled } from '../polled';
import type { EngineStatus, EnginesStatus, ModelStatus, RoleEngines } from '../schema';
import { EngineOption, type Role } from './EngineOption';
import { createModels, Models } from './Models';
import { NextCall } from './NextCall';
import { Voices } from './Voices';
import { Loading, Status, Unavailable } from './widgets';
import { roleWords } from './words';

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
                {(role) => <RoleCard role={role} engines={now()[role]} models={models} />}
              </For>
            </div>
          )}
        </Show>
      </section>
      <div class="cards">
        <NextCall />
        <Show when={engines.value()}>
          {(now) => <Voices voices={now().tts} models={models.value()?.models ?? []} />}
        </Show>
      </div>
      <Models models={models} down={down()} />
    </>
  );
}

function RoleCard(given: {
  role: Role;
  engines: RoleEngines;
  models: ReturnType<typeof createModels>;
}): JSX.Element {
  const chosen = () => choices()[given.role];
  const all = () => given.models.value()?.models ?? [];
  const named = (name: string) => given.engines.engines.find((engine) => engine.name === name);
  const used = createMemo(() => named(chosen() || given.engines.default));
  /** What an engine has to download before it answers itself. */
  const missing = (engine: EngineStatus) => {
    const choice =
      given.role !== 'stt' && chosen() === engine.name ? String(choices()[partOf(given.role)]) : '';
    return isAbsent(engine.name, choice, all()) ? choice : engine.download;
  };
  return (
    <fieldset class="card role" data-role={given.role}>
      <legend>{roleWords(given.role)}</legend>
      <EngineOption
        role={given.role}
        value=""
        label={`Default (${defaultWords(given.engines)})`}
        engine={named(given.engines.default)}
        model=""
        missing=""
        models={given.models}
      />
      <For each={enginesOffered(given.engines.engines, chosen())}>
        {(engine) => (
          <EngineOption
            role={given.role}
            value={engine.name}
            label={engineWords(engine.name)}
            engine={engine}
            model={modelBehind(engine)}
            missing={missing(engine)}
            models={given.models}
          />
        )}
      </For>
      <Show when={!used()}>
        <p class="trouble">
          {chosen() || given.engines.default} is not available here. Choose another engine.
        </p>
      </Show>
      <Show when={used()}>
        {(engine) => <Which role={given.role} engine={engine()} all={given.engines.engines} models={all()} />}
      </Show>
      <Show when={given.engines.unavailable.length > 0}>
        <ul class="unavailable note" aria-label={`Not set up: ${roleWords(given.role)}`}>
          <For each={given.engines.unavailable}>
            {(one) => (
              <li>
                <Status mood="none" words={`${engineWords(one.name)}: ${one.state}`} /> {one.why}
              </li>
            )}
          </For>
        </ul>
      </Show>
    </fieldset>
  );
}

const partOf = (role: Role): 'llmModel' | 'voice' => (role === 'llm' ? 'llmModel' : 'voice');

/** The model or the voice of an engine; an engine without a list takes any. */
function Which(given: {
  role: Role;
  engine: EngineStatus;
  all: readonly EngineStatus[];
  models: readonly ModelStatus[];
}): JSX.Element {
  const id = createUniqueId();
  const part = () => partOf(given.role);
  const words = () => (given.role === 'llm' ? 'Model' : 'Voice');
  const now = () => String(choices()[part()] ?? '');
  const offered = () => choicesOf(given.engine, given.all);
  const set = () => {
    const model = modelBehind(given.engine) || given.engine.default_choice;
    return model ? `Default (${model})` : 'Default';
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
        {words()} of {choices()[given.role] ? engineWords(given.engine.name) : 'the default'}
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
                {isAbsent(given.engine.name, choice, given.models) ? ' (not downloaded)' : ''}
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
