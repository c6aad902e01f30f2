import { createMemo, createSignal, For, type JSX, Show } from 'solid-js';
import type { CallState, Moments } from '../call/state';
import { type Bar, type Waterfall, waterfall } from './waterfall';
import './waterfall.css';

const whole = (ms: number) => `${Math.round(ms).toLocaleString('en')} ms`;

/** Where a bar begins; of what is drawn in part, only one end is true. */
const begins = (bar: Bar) => (bar.tone === 'caller' ? '' : Math.round(bar.from).toLocaleString('en'));

/** Where the time of one turn went; the last one, unless another is chosen. */
export function TurnChart(given: { state: CallState }): JSX.Element {
  const measured = createMemo(() => given.state.turns.filter((turn) => waterfall(turn)));
  const [chosen, setChosen] = createSignal<number | null>(null);
  const turn = createMemo(
    (): Moments | undefined => measured().find((one) => one.reply === chosen()) ?? measured().at(-1),
  );
  const step = (by: number) => {
    const all = measured();
    const next = all[all.indexOf(turn() as Moments) + by];
    if (next) setChosen(next === all.at(-1) ? null : next.reply); // the last one: follow the call again
  };
  const at = (index: 0 | -1) => turn() === measured().at(index);
  return (
    <details id="waterfall" class="card waterfall" open={matchMedia('(min-width: 56rem)').matches}>
      <summary>Latency breakdown</summary>
      <Show when={measured().length > 1}>
        <div class="row">
          <button
            type="button"
            class="small"
            aria-label="Previous turn"
            disabled={at(0)}
            onClick={() => step(-1)}
          >
            ‹
          </button>
          <span class="note">Turn {turn()?.turn}</span>
          <button
            type="button"
            class="small"
            aria-label="Next turn"
            disabled={at(-1)}
            onClick={() => step(1)}
          >
            ›
          </button>
        </div>
      </Show>
      <Show
        when={turn()}
        fallback={<p class="note">Each answer is drawn here, from the end of speech on.</p>}
      >
        {(one) => <Chart of={waterfall(one()) as Waterfall} />}
      </Show>
    </details>
  );
}

/** The bars of one turn. */
export function Chart(given: { of: Waterfall }): JSX.Element {
  const percent = (ms: number) => `${((ms - given.of.from) / (given.of.to - given.of.from)) * 100}%`;
  const wide = (bar: Bar) => `${((bar.to - bar.from) / (given.of.to - given.of.from)) * 100}%`;
  return (
    <ol class="bars">
      <li class="heading" aria-hidden="true">
        <span class="name">Stage</span>
        <span class="took">took</span>
        <span class="begins">starts at</span>
      </li>
      <For each={given.of.bars}>
        {(bar) => (
          <li>
            <span class="name">{bar.name}</span>
            <span class="track" aria-hidden="true">
              <i class="zero" style={{ left: percent(0) }} />
              <i class={`bar ${bar.tone}`} style={{ left: percent(bar.from), width: wide(bar) }} />
            </span>
            <span class="took">{whole(bar.took)}</span>
            <span class="begins">
              <span class="unseen">, from </span>
              {begins(bar)}
              <span class="unseen"> after the end of speech</span>
            </span>
            <Show when={bar.ruledBy.length}>
              <span class="ruled">
                <span class="unseen">ruled by </span>
                {bar.ruledBy.join(', ')}
              </span>
            </Show>
          </li>
        )}
      </For>
    </ol>
  );
}
