/** One engine that calls from this browser may have: how it stands, what it lacks, who stands in for it. */

import { type JSX, Show } from 'solid-js';
import { choices, choose } from '../choices';
import { standInWords } from '../offers';
import type { Polled } from '../polled';
import { address } from '../route';
import type { EngineStatus, ModelStatus, ModelsStatus } from '../schema';
import { downloads } from './downloads';
import { BusyButton, ErrorMessage, Status } from './widgets';
import { progressWords, standing } from './words';

export type Role = 'stt' | 'llm' | 'tts';

export function EngineOption(given: {
  role: Role;
  /** As it is stored; empty: the default. */
  value: string;
  label: string;
  engine: EngineStatus | undefined;
  /** What answers where nothing further is chosen. */
  model: string;
  /** The model to download first; empty: none. */
  missing: string;
  models: Polled<ModelsStatus>;
}): JSX.Element {
  return (
    <div class="option-with">
      <label class="option">
        <input
          type="radio"
          name={`engine-${given.role}`}
          value={given.value}
          checked={choices()[given.role] === given.value}
          onChange={() => choose({ [given.role]: given.value })}
        />
        <span class="option-words">
          <span>
            {given.label}
            <Show when={given.engine?.embedded && given.value}>
              <span class="tag">built-in</span>
            </Show>
          </span>
          <Show when={given.engine}>
            {(engine) => (
              <Show
                when={given.missing}
                fallback={<Standing engine={engine()} model={given.value ? given.model : ''} />}
              >
                <Status mood="warn" words={`${given.missing}: not downloaded`} />
              </Show>
            )}
          </Show>
        </span>
      </label>
      <Show when={given.engine}>
        {(engine) => (
          <div class="option-more">
            <Show when={standInWords(engine())}>{(words) => <p class="note">{words()}.</p>}</Show>
            <Show when={given.value && given.missing}>
              <Missing name={given.missing} models={given.models} />
            </Show>
            <Show when={engine().up === false && engine().why.includes('lineside host')}>
              <a class="note" href={address('services')}>
                Start it under Services
              </a>
            </Show>
          </div>
        )}
      </Show>
    </div>
  );
}

function Standing(given: { engine: EngineStatus; model: string }): JSX.Element {
  return (
    <>
      <Status {...standing(given.engine)} />
      <Show when={given.engine.up && given.model}>
        <span class="note">{given.model}</span>
      </Show>
    </>
  );
}

/** A model to be downloaded, here and now; its row below tells more. */
function Missing(given: { name: string; models: Polled<ModelsStatus> }): JSX.Element {
  const model = (): ModelStatus | undefined =>
    given.models.value()?.models.find((one) => one.name === given.name);
  const followed = () => {
    const one = model();
    return one && downloads.of(one);
  };
  const coming = () => Boolean(followed()?.under || model()?.downloading);
  const bring = () => {
    const one = model();
    if (one) void downloads.begin(one).then(given.models.again);
  };
  return (
    <Show when={model()}>
      <BusyButton
        busy={coming()}
        label={`Download ${given.name} for this engine`}
        words={coming() ? 'Downloading' : 'Download'}
        onPress={bring}
      />
      <ErrorMessage
        words={
          followed()?.trouble ||
          (followed()?.progress?.state === 'failed'
            ? progressWords(followed()?.progress as NonNullable<ModelStatus['downloading']>)
            : '')
        }
      />
    </Show>
  );
}
