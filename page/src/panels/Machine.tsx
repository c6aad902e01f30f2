/** What the machine has, and who has taken it. */

import { createSignal, For, type JSX, Show } from 'solid-js';
import { ask, SLOW } from '../api';
import { memory } from '../format';
import { createFollowed, createNewest } from '../polled';
import type { AllUnloaded, Gpu, Machine as Reading } from '../schema';
import { createActions } from './actions';
import { Gateways } from './Gateways';
import { events } from './streaming';
import { Bar, Confirm, ErrorMessage, Loading, Unavailable } from './widgets';
import { percent, unloadedWords } from './words';

const SILENCE = 10_000; // ms; a reading comes each second

export function Machine(): JSX.Element {
  const [now, setNow] = createNewest<Reading>('pid');
  const stream = createFollowed<Reading>((signal) => events('/api/gpu/stream', signal), {
    take: setNow,
    done: () => false,
    silence: SILENCE,
  });
  return (
    <section aria-labelledby="machine-head">
      <div class="head">
        <h2 id="machine-head">System</h2>
        <UnloadAll />
      </div>
      <Unavailable trouble={stream.trouble()} stale={Boolean(now())} />
      <Show when={now()} fallback={<Loading trouble={Boolean(stream.trouble())} />}>
        {(now) => (
          <div class="cards">
            <For each={now().gpus}>{(card) => <Card card={card} />}</For>
            <div class="card">
              <h3>{now().gpus.length > 0 ? 'CPU and memory' : 'No GPU detected: CPU and memory'}</h3>
              <Bar
                label={`CPU, ${now().cpu.cores} ${now().cpu.cores === 1 ? 'core' : 'cores'}`}
                percent={Math.round(now().cpu.percent)}
                words={`${Math.round(now().cpu.percent)} % busy`}
              />
              <Bar
                label="Memory"
                percent={percent(now().ram.used_bytes, now().ram.total_bytes)}
                words={`${memory(now().ram.used_bytes)} of ${memory(now().ram.total_bytes)}`}
              />
              <Show when={now().note}>
                <p class="note">{now().note}</p>
              </Show>
            </div>
          </div>
        )}
      </Show>
      <Gateways />
    </section>
  );
}

function Card(given: { card: Gpu }): JSX.Element {
  const held = () => [...given.card.processes].sort((one, other) => other.bytes - one.bytes);
  return (
    <div class="card">
      <h3>
        {given.card.name} <span class="tag">{given.card.vendor}</span>
      </h3>
      <Bar
        label={`GPU memory, card ${given.card.index}`}
        percent={percent(given.card.used_bytes, given.card.total_bytes)}
        words={`${memory(given.card.used_bytes)} of ${memory(given.card.total_bytes)}`}
      />
      <Show when={given.card.percent !== null}>
        <Bar
          label={`GPU load, card ${given.card.index}`}
          percent={Math.round(given.card.percent ?? 0)}
          words={`${Math.round(given.card.percent ?? 0)} % busy`}
        />
      </Show>
      <Show when={held().length > 0} fallback={<p class="note">No process on this GPU is known.</p>}>
        <table>
          <caption class="unseen">Memory of {given.card.name} by process</caption>
          <thead>
            <tr>
              <th scope="col">Process</th>
              <th scope="col">Model</th>
              <th scope="col" class="number">
                Memory
              </th>
            </tr>
          </thead>
          <tbody>
            <For each={held()}>
              {(process) => (
                <tr>
                  <td>
                    {process.name} <span class="note">{process.pid}</span>
                  </td>
                  <td>{process.model || '–'}</td>
                  <td class="number">{memory(process.bytes)}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </Show>
    </div>
  );
}

function UnloadAll(): JSX.Element {
  const act = createActions();
  const [told, setTold] = createSignal('');
  const unload = () => {
    setTold('');
    void act.act('all', 'unload', async () => {
      const done = await ask<AllUnloaded>('POST', '/api/gpu/unload-all', { within: SLOW });
      setTold(unloadedWords(done));
    });
  };
  return (
    <>
      <Confirm
        label="Unload all models"
        words="Unload all"
        question="Unload all idle models? The next call waits until its models are loaded again."
        yes="Unload all"
        busy={act.of('all').busy !== ''}
        onYes={unload}
      />
      <div role="status" class="told">
        <Show when={told()}>
          <p class="note">{told()}</p>
        </Show>
      </div>
      <ErrorMessage words={act.of('all').trouble} />
    </>
  );
}
