/** Who answers the next call, and what the machine has for it: chosen where one calls. */

import { createUniqueId, For, type JSX, Show } from 'solid-js';
import { ask } from '../api';
import { choices, choose } from '../choices';
import { engineWords, memory } from '../format';
import {
  choicesOf,
  defaultWords,
  enginesOffered,
  isAbsent,
  modelBehind,
  shortOf,
  standInWords,
} from '../offers';
import { createPolled } from '../polled';
import { address } from '../route';
import type { EngineStatus, EnginesStatus, Machine, ModelStatus, ModelsStatus, RoleEngines } from '../schema';

type Role = keyof EnginesStatus;

const EVERY = 10_000; // ms; the gateway's own checks are 10 s old at most
const SHORT: Record<Role, string> = { stt: 'STT', llm: 'LLM', tts: 'Voice' };
const BETWEEN = '\n'; // an engine and its model, in the value of one option

export function NextCallEngines(): JSX.Element {
  const engines = createPolled<EnginesStatus>(
    (signal) => ask('GET', '/api/engines', { signal }),
    () => EVERY,
  );
  const machine = createPolled<Machine>(
    (signal) => ask('GET', '/api/gpu', { signal }),
    () => EVERY,
    'index',
  );
  const models = createPolled<ModelsStatus>(
    (signal) => ask('GET', '/api/models', { signal }),
    () => EVERY,
  );
  const record = createUniqueId();
  const caller = createUniqueId();
  return (
    <details id="next-call" class="card" open={matchMedia('(min-width: 56rem)').matches}>
      <summary>Next call</summary>
      <Show when={engines.value()}>
        {(now) => (
          <For each={['stt', 'llm', 'tts'] as const}>
            {(role) => <RoleChoice role={role} engines={now()[role]} models={models.value()?.models ?? []} />}
          </For>
        )}
      </Show>
      <div class="pick">
        <label for={record}>Recording</label>
        <select
          id={record}
          value={choices().record === null ? '' : String(choices().record)}
          onChange={({ currentTarget: { value } }) =>
            choose({ record: value === '' ? null : value === 'true' })
          }
        >
          <option value="">Default</option>
          <option value="true">Record</option>
          <option value="false">Do not record</option>
        </select>
      </div>
      <div class="pick">
        <label for={caller}>Caller</label>
        <input
          id={caller}
          maxlength="200"
          placeholder="Number or name"
          autocomplete="off"
          value={choices().caller}
          onChange={(event) => choose({ caller: event.currentTarget.value.trim() })}
        />
      </div>
      <Show when={machine.value()}>{(now) => <AtAGlance machine={now()} />}</Show>
    </details>
  );
}

/** One list for an engine and its model or voice; beneath it who answers in its place, where it cannot. */
function RoleChoice(given: {
  role: Role;
  engines: RoleEngines;
  models: readonly ModelStatus[];
}): JSX.Element {
  const id = createUniqueId();
  const part = () => (given.role === 'llm' ? 'llmModel' : 'voice');
  const now = () => {
    const model = given.role === 'stt' ? '' : choices()[part()];
    return choices()[given.role] || model ? choices()[given.role] + BETWEEN + model : '';
  };
  const offered = () => enginesOffered(given.engines.engines, choices()[given.role]);
  const chosen = () =>
    given.engines.engines.find((one) => one.name === (choices()[given.role] || given.engines.default));
  const take = (value: string) => {
    const [engine = '', model = ''] = value.split(BETWEEN);
    choose({ [given.role]: engine, ...(given.role !== 'stt' && { [part()]: model }) });
  };
  const known = () => offered().some((one) => values(given.role, one).includes(now()));
  const short = (engine: EngineStatus, value: string) =>
    isAbsent(engine.name, modelOf(value), given.models) ? 'not downloaded' : shortOf(engine);
  return (
    <div class="pick">
      <label for={id}>{SHORT[given.role]}</label>
      <select id={id} aria-describedby={`${id}-why`} onChange={(event) => take(event.currentTarget.value)}>
        <option value="" selected={now() === ''}>
          {defaultWords(given.engines)} (default)
        </option>
        <For each={offered()}>
          {(engine) => (
            <optgroup label={engineWords(engine.name)}>
              <For each={values(given.role, engine)}>
                {(value) => (
                  <option value={value} selected={now() === value || now() === usual(engine, value)}>
                    {modelOf(value) || engineWords(engine.name)}
                    {short(engine, value) && ` (${short(engine, value)})`}
                  </option>
                )}
              </For>
            </optgroup>
          )}
        </For>
        <For each={given.engines.unavailable}>
          {(one) => (
            <option disabled>
              {engineWords(one.name)} ({one.state})
            </option>
          )}
        </For>
        <Show when={now() !== '' && !known() && !offered().some((one) => now() === one.name + BETWEEN)}>
          <option value={now()} selected>
            {now().split(BETWEEN).filter(Boolean).join(' · ')} (not offered)
          </option>
        </Show>
      </select>
      <p class="pick-why note" id={`${id}-why`}>
        <Show when={chosen()}>
          {(engine) => (
            <Show when={standInWords(engine())}>
              {(words) => (
                <>
                  {engine().up === false && `${engineWords(engine().name)}: ${engine().state}. `}
                  {words()}. <a href={address('engines')}>Engines</a>
                </>
              )}
            </Show>
          )}
        </Show>
      </p>
    </div>
  );
}

const modelOf = (value: string): string => value.split(BETWEEN)[1] ?? '';

/** Each model or voice of an engine, as the value of an option; the engine by itself where it has no list. */
function values(role: Role, engine: EngineStatus): string[] {
  const models = role === 'stt' || engine.name === 'auto' ? [] : choicesOf(engine, []);
  return (models.length > 0 ? models : ['']).map((model) => engine.name + BETWEEN + model);
}

/** The engine by itself, where this option is the model that it would take. */
const usual = (engine: EngineStatus, value: string): string | undefined =>
  modelOf(value) === modelBehind(engine) ? engine.name + BETWEEN : undefined;

/** Each card and the memory, in a line each. */
function AtAGlance(given: { machine: Machine }): JSX.Element {
  return (
    <p class="note glance">
      <For each={given.machine.gpus}>
        {(card) => (
          <span>
            {card.name}: {memory(card.used_bytes)} of {memory(card.total_bytes)}
          </span>
        )}
      </For>
      <span>
        RAM: {memory(given.machine.ram.used_bytes)} of {memory(given.machine.ram.total_bytes)} · CPU:{' '}
        {Math.round(given.machine.cpu.percent)} %
      </span>
      <a href={address('machine')}>System</a>
    </p>
  );
}
