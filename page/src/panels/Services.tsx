/** Programs of the host that the host agent starts, watches and ends. */

import { createMemo, createSignal, createUniqueId, For, type JSX, Show } from 'solid-js';
import { ask, SLOW } from '../api';
import { memory } from '../format';
import { createPolled } from '../polled';
import type { Log, Service, ServicesStatus } from '../schema';
import { createActions } from './actions';
import { createModels } from './Models';
import { BusyButton, Confirm, ErrorMessage, Loading, Status, Unavailable } from './widgets';
import { serviceWords } from './words';

const EVERY = 2_000; // ms

export function Services(): JSX.Element {
  const services = createPolled<ServicesStatus>(
    (signal) => ask('GET', '/api/services', { signal }),
    () => EVERY,
  );
  const models = createModels();
  const missing = createMemo(
    () => new Set(models.value()?.models.flatMap((one) => (one.state === 'missing' ? [one.name] : []))),
  );
  const act = createActions();
  const hostless = () => services.trouble()?.code === 'no_host_agent';
  return (
    <section aria-labelledby="services-head">
      <h2 id="services-head">Services</h2>
      <p class="note">Engines that run as programs of their own, beside lineside: such as whisper-server.</p>
      <Show
        when={hostless()}
        fallback={<Unavailable trouble={services.trouble()} stale={Boolean(services.value())} />}
      >
        <NoHost why={services.trouble()?.message ?? ''} />
      </Show>
      <Show when={!services.value()}>
        <Loading trouble={Boolean(services.trouble())} />
      </Show>
      <Show when={!hostless()}>
        <ul class="things">
          <For each={services.value()?.services}>
            {(service) => <Row service={service} missing={missing()} act={act} again={services.again} />}
          </For>
        </ul>
        <Show when={services.value()?.services.length === 0}>
          <p class="note">The host agent has no services.</p>
        </Show>
      </Show>
    </section>
  );
}

function NoHost(given: { why: string }): JSX.Element {
  return (
    <div class="card" role="status">
      <h3>Host agent not connected</h3>
      <p>
        The host agent is a small program that starts and stops engines on this machine, or on the one with
        the graphics card. Calls do not need it. Start it with <code>lineside host</code> and set{' '}
        <code>HOST_AGENT_URL</code> (for example <code>http://127.0.0.1:3003</code>); this list then fills by
        itself.
      </p>
      <p class="note">{given.why}</p>
    </div>
  );
}

interface Acting {
  readonly service: Service;
  /** Models that are not on the disk. */
  readonly missing: ReadonlySet<string>;
  readonly act: ReturnType<typeof createActions>;
  readonly again: () => void;
}

function Row(given: Acting): JSX.Element {
  const id = createUniqueId();
  const [model, setModel] = createSignal('');
  const [logs, setLogs] = createSignal(false);
  const doing = () => given.act.of(given.service.name);
  const up = () => ['starting', 'ready', 'resting'].includes(given.service.state);
  const act = (action: 'start' | 'stop', body?: unknown) =>
    void given.act
      .act(given.service.name, action, () => {
        const path = `/api/services/${encodeURIComponent(given.service.name)}/${action}`;
        setTimeout(given.again, 200); // it is starting by then
        return ask('POST', path, { body, within: SLOW });
      })
      .then(given.again);
  return (
    <li class="card thing" data-service={given.service.name}>
      <div class="thing-words">
        <p class="thing-name">{given.service.name}</p>
        <p class="note">
          {[
            given.service.url,
            given.service.model,
            given.service.pid === null ? '' : `process ${given.service.pid}`,
            given.service.memory_bytes === null ? '' : memory(given.service.memory_bytes),
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
        <Status {...serviceWords(given.service)} />
        <Show when={given.service.why}>
          <p class="trouble">{given.service.why}</p>
        </Show>
        <Show when={given.service.name === 'engine-server' && !up()}>
          <p class="note">
            lineside runs an engine server of its own; this one is used only where EMBEDDED_URL names it.
          </p>
        </Show>
      </div>
      <div class="thing-actions">
        <Show
          when={up()}
          fallback={
            <>
              <Show when={given.service.models.length > 0}>
                <label class="unseen" for={id}>
                  Model of {given.service.name}
                </label>
                <select id={id} class="small" onChange={(event) => setModel(event.currentTarget.value)}>
                  <For each={given.service.models}>
                    {(one) => (
                      <option value={one}>
                        {one}
                        {given.missing.has(one) ? ' (not downloaded)' : ''}
                      </option>
                    )}
                  </For>
                </select>
              </Show>
              <BusyButton
                busy={doing().busy === 'start'}
                label={`Start ${given.service.name}`}
                words="Start"
                disabled={given.service.state === 'stopped' && given.service.why !== ''}
                onPress={() => act('start', { model: model() || given.service.models[0] || '' })}
              />
            </>
          }
        >
          <Confirm
            label={`Stop ${given.service.name}`}
            words={doing().busy === 'start' ? 'Starting …' : 'Stop'}
            question={`Stop ${given.service.name}? Calls that use it fail or go on with another engine.`}
            yes="Stop it"
            busy={doing().busy !== ''}
            onYes={() => act('stop')}
          />
        </Show>
        <button type="button" class="small" aria-expanded={logs()} onClick={() => setLogs(!logs())}>
          {logs() ? 'Hide log' : 'Log'}
          <span class="unseen"> of {given.service.name}</span>
        </button>
      </div>
      <ErrorMessage words={doing().trouble.includes(given.service.why || '\n') ? '' : doing().trouble} />
      <Show when={logs()}>
        <Lines name={given.service.name} />
      </Show>
    </li>
  );
}

function Lines(given: { name: string }): JSX.Element {
  const log = createPolled<Log>(
    (signal) => ask('GET', `/api/services/${encodeURIComponent(given.name)}/logs?lines=200`, { signal }),
    () => EVERY,
  );
  return (
    <div class="log">
      <Unavailable trouble={log.trouble()} stale={Boolean(log.value())} />
      <Show when={log.value()}>
        {/* It scrolls, so the keyboard must reach it. */}
        <section tabindex="0" aria-label={`Log of ${given.name}`}>
          <pre>{log.value()?.lines.join('\n') || 'No output yet.'}</pre>
        </section>
      </Show>
    </div>
  );
}
