import { createEffect, createSignal, type JSX, onCleanup } from 'solid-js';
import type { Level } from '../audio/level';

const LIT = 1500; // ms that the light stays on after a clipped sample, so that it is seen

/** How loud the microphone is, and a light for when it is too loud. */
export function Meter(given: { level: Level; name: string; id: string }): JSX.Element {
  const [lit, setLit] = createSignal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  createEffect(() => {
    if (!given.level.clipped) return;
    setLit(true);
    clearTimeout(timer);
    timer = setTimeout(() => setLit(false), LIT);
  });
  onCleanup(() => clearTimeout(timer));
  const percent = () => Math.round(given.level.share * 100);
  return (
    <div class="level">
      <span class="row">
        <span id={`${given.id}-name`}>{given.name}</span>
        <span class="clip" classList={{ lit: lit() }} role="status">
          {lit() ? 'Too loud' : ''}
        </span>
      </span>
      {/* biome-ignore lint/a11y/useSemanticElements: browsers draw a <meter> each in its own way, and slowly */}
      <div
        id={given.id}
        class="meter"
        role="meter"
        aria-labelledby={`${given.id}-name`}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow={percent()}
      >
        <div class="bar" style={{ transform: `scaleX(${given.level.share.toFixed(3)})` }} />
      </div>
    </div>
  );
}
