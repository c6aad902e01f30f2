/** Which engines answer, and which of them the next call shall have. */

import { createMemo, createUniqueId, For, type JSX, Show } from 'solid-js';
import { ask } from '../api';
import { type Choices, choices, choose } from '../choices';
import type { EngineStatus, EnginesStatus, RoleEngines } from '../schema';
import { roleWords, standing } from './format';
import { Models } from './Models';
import { NextCall } from './NextCall';
import { createPolled } from './polled';
import { Loading, Status, Unavailable } from './widgets';

type Role = keyof EnginesStatus;
const ROLES: readonly Role[] = ['stt', 'llm', 'tts'];
const EVERY = 5_000; // ms; the gateway's own checks are 10 s old at most

export function Engines(): JSX.Element {
  const engines = createPolled<EnginesStatus>(
    (signal) => ask('GET', '/api/engines', { signal }),
    () => EVERY,
  );
  return (
    <>
      <section aria-labelledby="engines-head">
        <h2 id="engines-head">Who answers the next call</h2>
        <p class="note">Kept in this browser. A call under way keeps what it began with.</p>
        <Unavailable trouble={engines.trouble()} stale={Boolean(engines.value())} />
        <Show when={engines.value()} fallback={<Loading trouble={Boolean(engines.trouble())} />}>
          {(now) => (
            <div class="cards">
              <For each={ROLES}>{(role) => <RoleCard role={role} engines={now()[role]} />}</For>
            </div>
          )}
        </Show>
      </section>
      <NextCall />
      <Models />
    </>
  );
}

function RoleCard(given: { role: Role; engines: RoleEngines }): JSX.Element {
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
        label={`As set: ${given.engines.default}`}
        checked={chosen() === ''}
      />
      <For each={given.engines.engines}>
        {(engine) => (
          <Option
            role={given.role}
            value={engine.name}
            label={engine.name}
            checked={chosen() === engine.name}
            engine={engine}
          />
        )}
      </For>
      <Show when={!used()}>
        <p class="trouble">{chosen() || given.engines.default} is not offered here. Choose another one.</p>
      </Show>
      <Show when={used()}>{(engine) => <Which role={given.role} engine={engine()} />}</Show>
    </fieldset>
  );
}

function Option(given: {
  role: Role;
  value: string;
  label: string;
  checked: boolean;
  engine?: EngineStatus;
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
            <span class="tag">embedded</span>
          </Show>
        </span>
        <Show when={given.engine}>{(engine) => <Status {...standing(engine())} />}</Show>
      </span>
    </label>
  );
}

/** The model or the voice of an engine; an engine without a list takes any. */
function Which(given: { role: Role; engine: EngineStatus }): JSX.Element {
  const id = createUniqueId();
  const part = (): keyof Choices => (given.role === 'llm' ? 'llmModel' : 'voice');
  const words = () => (given.role === 'llm' ? 'Model' : 'Voice');
  const now = () => String(choices()[part()] ?? '');
  const offered = () => given.engine.choices;
  const set = () => (given.engine.default_choice ? `As set: ${given.engine.default_choice}` : 'As set');
  const take = (value: string) => choose({ [part()]: value.trim() });
  return (
    <Show
      when={given.role !== 'stt'}
      fallback={
        <Show when={offered().length > 0}>
          <p class="note">Runs {offered().join(', ')}. A call cannot choose among them: the settings do.</p>
        </Show>
      }
    >
      <label class="field" for={id}>
        {words()} of {given.engine.name}
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
