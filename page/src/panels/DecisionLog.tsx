/** What was decided in a kept call about whose turn it is, by whom, and why. */

import { For, type JSX, Show } from 'solid-js';
import { clock } from '../format';
import type { KeptDecision } from '../schema';
import { decisionWords, isLine } from './recording';

export function DecisionLog(given: { of: readonly KeptDecision[] }): JSX.Element {
  const decisions = () => given.of.filter((one) => !isLine(one));
  return (
    <Show when={decisions().length > 0}>
      <details open>
        <summary>Turn-taking log</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col">Turn</th>
              <th scope="col">Decision</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            <For each={decisions()}>
              {(decision) => (
                <tr>
                  <td>{clock(decision.at)}</td>
                  <td>{decision.turn}</td>
                  <td>{decisionWords(decision).what}</td>
                  <td>{decisionWords(decision).why}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </details>
    </Show>
  );
}
