/** Models: on the disk, in memory, on their way. */

import { createMemo, createSignal, For, type JSX, Show } from 'solid-js';
import { ask } from '../api';
import { memory } from '../format';
import { createPolled, type Polled } from '../polled';
import type { DownloadProgress, ModelStatus, ModelsStatus } from '../schema';
import { createActions } from './actions';
import { farOf, type Rate, rateAfter, rateWords, started } from './download-rate';
import { downloads, nameOf } from './downloads';
import { type Acting, ModelActions } from './ModelActions';
import { ErrorMessage, Loading, Status, Unavailable } from './widgets';
import { modelWords, percent, progressWords, roleWords, size } from './words';

const ORDER = ['stt', 'llm', 'tts', 'embeddings', 'turn', 'vad'];
const EVERY = 4_000; // ms
const EVERY_COMING = 1_000; // while something is on its way

/** Every model, asked for again and again; oftener while something is on its way. */
export function createModels(): Polled<ModelsStatus> {
  const coming = (now: ModelsStatus | undefined) => now?.models.some((model) => model.downloading);
  return createPolled<ModelsStatus>(
    (signal) => ask('GET', '/api/models', { signal }),
    (now) => (coming(now) ? EVERY_COMING : EVERY),
  );
}

/** `down` has the engines that do not answer, each with the reason: nothing can be downloaded through them. */
export function Models(given: {
  models: Polled<ModelsStatus>;
  down: ReadonlyMap<string, string>;
}): JSX.Element {
  const { models } = given;
  const here = createHere();
  const [role, setRole] = createSignal('');
  const roles = createMemo(() =>
    ORDER.filter((one) => models.value()?.models.some((model) => model.role === one)),
  );
  const shown = createMemo(() => roles().filter((one) => role() === '' || role() === one));
  const act = createActions();
  const rows = (of: string) => models.value()?.models.filter((model) => model.role === of) ?? [];
  return (
    <section aria-labelledby="models-head">
      <div class="head">
        <h2 id="models-head">Models</h2>
        <label>
          <span class="unseen">Show models for</span>
          <select onChange={(event) => setRole(event.currentTarget.value)}>
            <option value="">All</option>
            <For each={roles()}>{(one) => <option value={one}>{roleWords(one)}</option>}</For>
          </select>
        </label>
      </div>
      <Unavailable trouble={models.trouble()} stale={Boolean(models.value())} />
      <Show when={!models.value()}>
        <Loading trouble={Boolean(models.trouble())} />
      </Show>
      <For each={models.value()?.notes}>{(note) => <p class="note">{note}</p>}</For>
      <For each={shown()}>
        {(one) => (
          <>
            <h3>{roleWords(one)}</h3>
            <ul class="things">
              <For each={rows(one).filter(here)}>
                {(model) => <Row model={model} act={act} again={models.again} down={given.down} />}
              </For>
            </ul>
            <Show when={rows(one).some((model) => !here(model))}>
              <details class="absent" open={rows(one).filter(here).length === 0}>
                <summary>
                  Not downloaded ({rows(one).filter((model) => !here(model)).length})
                  <span class="unseen">: {roleWords(one)}</span>
                </summary>
                <ul class="things">
                  <For each={rows(one).filter((model) => !here(model))}>
                    {(model) => <Row model={model} act={act} again={models.again} down={given.down} />}
                  </For>
                </ul>
              </details>
            </Show>
          </>
        )}
      </For>
    </section>
  );
}

/** Whether a model was here or on its way when it was first seen: a row does not leap away under its button. */
function createHere(): (model: ModelStatus) => boolean {
  const seen = new Map<string, boolean>();
  return (model) => {
    const name = nameOf(model);
    const now = model.state !== 'missing' || model.loaded || model.default || model.downloading !== null;
    const known = seen.get(name) ?? now;
    seen.set(name, known);
    return known;
  };
}

function Row(given: Acting & { down: ReadonlyMap<string, string> }): JSX.Element {
  const name = () => nameOf(given.model);
  const doing = () => given.act.of(name());
  const followed = () => downloads.of(given.model);
  /** What is told of its download: by the one that is followed, or by the list. */
  const progress = (): DownloadProgress | null => {
    const own = followed();
    if (own?.under && own.progress) return own.progress;
    if (given.model.downloading) return given.model.downloading;
    return own?.progress && own.progress.state !== 'running' ? own.progress : null;
  };
  /** Why nothing can be done through its engine; empty: it can. */
  const away = () => {
    const why = given.down.get(given.model.engine);
    return given.model.source === given.model.engine && why ? why : '';
  };
  const running = () => Boolean(followed()?.under) || progress()?.state === 'running';
  const sizes = () => {
    const { bytes, memory_bytes, state } = given.model;
    const disk = bytes !== null ? `${size(bytes)}${state === 'missing' ? ' to download' : ''}` : '';
    const held = memory_bytes !== null && given.model.loaded ? `${memory(memory_bytes)} in memory` : '';
    return [disk, held, given.model.licence].filter(Boolean).join(' · ');
  };
  return (
    <li class="card thing" data-model={given.model.name}>
      <div class="thing-words">
        <p class="thing-name">
          {given.model.name}
          <Show when={given.model.default}>
            <span class="tag">default</span>
          </Show>
          <Show when={given.model.engine}>
            <span class="tag">{given.model.engine}</span>
          </Show>
        </p>
        <Show when={given.model.description}>
          <p class="note">{given.model.description}</p>
        </Show>
        <p class="note">{sizes()}</p>
        <Show when={!running()}>
          <Status {...modelWords(given.model)} />
        </Show>
        <Show when={away() && !running()}>
          <p class="note">{away()}</p>
        </Show>
      </div>
      <ModelActions {...given} running={running()} away={away()} />
      <Show when={running()}>
        <Coming model={given.model} progress={progress()} />
      </Show>
      <div role="status">
        <Show when={!running() && progress()?.state !== 'failed' && progress()}>
          {(last) => <p class="note">{progressWords(last())}</p>}
        </Show>
      </div>
      <ErrorMessage
        words={
          doing().trouble ||
          followed()?.trouble ||
          (!running() && progress()?.state === 'failed' ? progressWords(progress() as DownloadProgress) : '')
        }
      />
    </li>
  );
}

function Coming(given: { model: ModelStatus; progress: DownloadProgress | null }): JSX.Element {
  const rate = createMemo<Rate>(
    (before) => (given.progress ? rateAfter(before, given.progress, performance.now() / 1000) : before),
    started,
  );
  const far = () => {
    const { done, total } = farOf(rate(), given.model.bytes);
    return given.progress && total > 0 ? percent(done, total) : undefined;
  };
  const words = () =>
    [rateWords(rate(), given.model.bytes), given.progress ? progressWords(given.progress) : 'Starting']
      .filter(Boolean)
      .join(' · ');
  return (
    <div class="coming">
      {/* Without a value it shows that nobody knows how much there is to come. */}
      <Show when={far() !== undefined} fallback={<progress aria-label={`Download of ${given.model.name}`} />}>
        <progress aria-label={`Download of ${given.model.name}`} max="100" value={far() ?? 0} />
      </Show>
      <p class="note">{words()}</p>
    </div>
  );
}
