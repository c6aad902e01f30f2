/** The last hour in charts, for those who run no Grafana. The gateway keeps the figures; a reload loses none. */

import { createEffect, createMemo, For, type JSX, on, onCleanup, onMount, Show } from 'solid-js';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { ask } from '../api';
import { createPolled } from '../polled';
import type { Trends } from '../schema';
import { theme } from '../theme';
import { agoOf, CHARTS, type Chart, clockOf, countedWords, type Line, newest } from './figures';
import { Loading, Unavailable } from './widgets';
import './charts.css';

const HEIGHT = 180; // px
const ALONE = { show: false };

export function Charts(): JSX.Element {
  const trends = createPolled<Trends>(
    (signal) => ask('GET', '/api/trends', { signal }),
    (now) => 1000 * (now && now.at.length > 0 ? now.every : 2),
  );
  return (
    <section aria-labelledby="charts-head">
      <div class="head">
        <h2 id="charts-head">Metrics</h2>
        <Show when={trends.value()}>{(now) => <Links trends={now()} />}</Show>
      </div>
      <Unavailable trouble={trends.trouble()} stale={Boolean(trends.value())} />
      <Show when={trends.value()} fallback={<Loading trouble={Boolean(trends.trouble())} />}>
        {(now) => (
          <Show
            when={now().at.length > 0}
            fallback={<p class="note">The first figures come {now().every} s after lineside has started.</p>}
          >
            <p class="note">
              Last hour, all workers; one point every {now().every} s, of exact values. Call limit:{' '}
              {now().limit}.
            </p>
            <Show when={now().trouble}>
              <p class="trouble">What is shown below was so before: {now().trouble}.</p>
            </Show>
            <div class="cards charts">
              <For each={CHARTS}>{(chart) => <Drawn chart={chart} trends={now()} />}</For>
            </div>
          </Show>
        )}
      </Show>
    </section>
  );
}

function Links(given: { trends: Trends }): JSX.Element {
  return (
    <p class="links">
      <Show when={given.trends.grafana}>
        <a href={given.trends.grafana} rel="noreferrer" target="_blank">
          Grafana
        </a>
      </Show>
      <Show when={given.trends.prometheus}>
        <a href={given.trends.prometheus} rel="noreferrer" target="_blank">
          Prometheus
        </a>
      </Show>
    </p>
  );
}

function Drawn(given: { chart: Chart; trends: Trends }): JSX.Element {
  let place!: HTMLDivElement;
  let plot: uPlot | undefined;
  // Plain arrays: the store's own are watched one number at a time.
  const data = createMemo(
    () =>
      [
        [...given.trends.at],
        ...given.chart.lines.map((line) => given.trends[line.of].map((value) => scaled(line, value))),
      ] as uPlot.AlignedData,
  );
  onMount(() => {
    const size = () => ({ width: Math.max(200, place.clientWidth), height: HEIGHT });
    plot = new uPlot({ ...size(), ...looks(given.chart, place) }, data(), place);
    const watch = new ResizeObserver(() => plot?.setSize(size()));
    watch.observe(place);
    onCleanup(() => {
      watch.disconnect();
      plot?.destroy();
    });
  });
  createEffect(on(data, (now) => plot?.setData(now), { defer: true }));
  createEffect(on(theme, () => plot?.redraw(), { defer: true }));
  return (
    <figure class="card" data-chart={given.chart.name}>
      <figcaption>
        <h3>{given.chart.words}</h3>
        <span class="note">{given.chart.unit}</span>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={spoken(given.chart, given.trends)} />
      <ul class="latest" aria-hidden="true">
        <For each={given.chart.lines}>
          {(line) => (
            <li style={{ '--drawn': `var(--${line.colour})` }} data-line={line.of} data-dashed={line.dashed}>
              {line.words} <b>{newest(line, given.trends)}</b>
              <Show when={agoOf(line, given.trends)}>{(ago) => <span class="ago"> at {ago()}</span>}</Show>
            </li>
          )}
        </For>
        <Show when={countedWords(given.chart, given.trends)}>
          {(words) => <li class="counted">{words()}</li>}
        </Show>
      </ul>
    </figure>
  );
}

const scaled = (line: Line, value: number | null): number | null =>
  value === null ? null : value / (line.per ?? 1);

/** What a picture says to those who do not see it: its newest figures. */
const spoken = (chart: Chart, trends: Trends): string =>
  `${chart.words}, now: ${chart.lines.map((line) => `${line.words} ${newest(line, trends)}`).join(', ')}`;

function looks(chart: Chart, place: HTMLElement): Omit<uPlot.Options, 'width' | 'height'> {
  const paint = (name: string) => () => drawnIn(place, name);
  const axis = { stroke: paint('dim'), grid: { stroke: paint('line'), width: 1 }, ticks: ALONE };
  return {
    legend: ALONE,
    cursor: { y: false, points: { size: 6 } },
    scales: { y: { range: (_, __, most) => [0, Math.max(chart.least, most * 1.1)] } },
    axes: [
      {
        ...axis,
        values: (_, at, __, ___, every) => at.map((one) => clockOf(one, every)),
        space: 70,
        size: 30,
      },
      { ...axis, size: 52 },
    ],
    series: [
      {},
      ...chart.lines.map((line) => ({
        label: line.words,
        stroke: paint(line.colour),
        width: 2,
        ...(line.dashed && { dash: [6, 4] }),
        points: { show: true, size: 4 },
        spanGaps: false,
      })),
    ],
  };
}

/** A token's colour as a canvas takes it. */
function drawnIn(place: HTMLElement, name: string): string {
  place.style.color = `var(--${name})`;
  const colour = getComputedStyle(place).color;
  place.style.color = '';
  return colour;
}
