import { For, type JSX } from 'solid-js';
import type { CallState } from '../call/state';
import { average, type Measure } from './waterfall';
import './measures.css';

const ROWS: readonly (readonly [Measure, string, string, boolean])[] = [
  ['endpoint_ms', 'Turn detection', '', false],
  ['asr_ms', 'STT', '', false],
  ['llm_first_ms', 'LLM', ' first token', false],
  ['llm_ms', 'LLM total', '', true],
  ['tts_first_ms', 'TTS', ' first audio', false],
  ['tts_ms', 'TTS total', '', true],
];

const whole = (ms: number | null | undefined) =>
  typeof ms === 'number' ? Math.round(ms).toLocaleString('en') : '–';

/** The last answer and the average of this call, in milliseconds. */
export function Measures(given: { state: CallState }): JSX.Element {
  const mean = (measure: Measure) => whole(average(given.state.turns, measure));
  return (
    <section class="card measures" aria-labelledby="latency">
      <h2 id="latency">Response time</h2>
      <p class="figure">
        <output data-ms="e2e_ms">{whole(given.state.times.e2e_ms)}</output> ms
        <span class="note"> end of speech → first audio · avg {mean('e2e_ms')} ms</span>
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Stage (ms)</th>
            <th scope="col">Last</th>
            <th scope="col">Avg</th>
          </tr>
        </thead>
        <tbody>
          <For each={ROWS}>
            {([measure, name, which, long]) => (
              <tr classList={{ long }}>
                <th scope="row">
                  {name}
                  <span class="which">{which}</span>
                </th>
                <td data-ms={measure}>{whole(given.state.times[measure])}</td>
                <td data-mean={measure}>{mean(measure)}</td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <p class="note overlap">Stages run in parallel and do not add up.</p>
    </section>
  );
}

/** Which call this is. */
export function ThisCall(given: { state: CallState }): JSX.Element {
  const engine = (role: string) => {
    const call = given.state.call;
    const by = call?.answering[role];
    return by ? (by.model ? `${by.model} (${by.engine})` : by.engine) : (call?.engines[role] ?? '–');
  };
  const sound = () => {
    const call = given.state.call;
    return call ? `${call.codec}, ${call.sample_rate / 1000} kHz` : '–';
  };
  return (
    <details id="details" class="card" open={matchMedia('(min-width: 56rem)').matches}>
      <summary>This call</summary>
      <dl>
        <div>
          <dt>STT</dt>
          <dd id="stt">{engine('stt')}</dd>
        </div>
        <div>
          <dt>LLM</dt>
          <dd id="llm">{engine('llm')}</dd>
        </div>
        <div>
          <dt>TTS</dt>
          <dd id="tts">{engine('tts')}</dd>
        </div>
        <div>
          <dt>Codec</dt>
          <dd id="codec">{sound()}</dd>
        </div>
        <div>
          <dt>Audio dropouts</dt>
          <dd id="gaps">{given.state.gaps}</dd>
        </div>
        <div class="id">
          <dt>Call ID</dt>
          <dd id="call-id">{given.state.call?.call_id ?? '–'}</dd>
        </div>
      </dl>
    </details>
  );
}
