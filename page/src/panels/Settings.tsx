/** Every setting of the gateway as it stands, and who set it. */

import { createMemo, createSignal, For, type JSX, Show } from 'solid-js';
import { ask } from '../api';
import { createPolled } from '../polled';
import type { Setting, SettingsStatus } from '../schema';
import { Loading, Unavailable } from './widgets';

const EVERY = 30_000; // ms; they change only when lineside starts anew

/** Settings whose name, value or meaning has the words. */
export function found(settings: readonly Setting[], words: string, changed: boolean): Setting[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return settings.filter((setting) => {
    const text = `${setting.name} ${setting.secret ? '' : setting.value} ${setting.about}`.toLowerCase();
    return (!changed || setting.source !== 'default') && wanted.every((word) => text.includes(word));
  });
}

export function Settings(): JSX.Element {
  const settings = createPolled<SettingsStatus>(
    (signal) => ask('GET', '/api/settings', { signal }),
    () => EVERY,
  );
  const [words, setWords] = createSignal('');
  const [changed, setChanged] = createSignal(false);
  const shown = createMemo(() => found(settings.value()?.settings ?? [], words(), changed()));
  return (
    <section aria-labelledby="settings-head">
      <h2 id="settings-head">Settings</h2>
      <p class="note">
        Set in the environment, in <code>.env</code> or on the command line; changes apply after a restart.
      </p>
      <Unavailable trouble={settings.trouble()} stale={Boolean(settings.value())} />
      <Show when={settings.value()} fallback={<Loading trouble={Boolean(settings.trouble())} />}>
        <div class="row filter">
          <input
            type="search"
            aria-label="Find a setting"
            placeholder="Find a setting"
            onInput={(event) => setWords(event.currentTarget.value)}
          />
          <label class="option">
            <input type="checkbox" onChange={(event) => setChanged(event.currentTarget.checked)} />
            <span>Only what differs from the defaults</span>
          </label>
        </div>
        <p class="note" role="status">
          {shown().length} of {settings.value()?.settings.length} settings
        </p>
        <table class="settings">
          <caption class="unseen">Settings, their values and who set them</caption>
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">Value</th>
              <th scope="col">Source</th>
            </tr>
          </thead>
          <tbody>
            <For each={shown()}>{(setting) => <Row setting={setting} />}</For>
          </tbody>
        </table>
      </Show>
    </section>
  );
}

/** A value as it is written in .env: `true`, and `120` where it is whole. */
export const plain = (value: string): string =>
  /^(True|False)$/.test(value) ? value.toLowerCase() : value.replace(/^(-?\d+)\.0$/, '$1');

function Row(given: { setting: Setting }): JSX.Element {
  return (
    <tr data-setting={given.setting.name}>
      <th scope="row">
        <code>{given.setting.name}</code>
        <Show when={given.setting.about}>
          <p class="note">{given.setting.about}</p>
        </Show>
      </th>
      <td>
        <Show when={given.setting.value} fallback={<span class="note">empty</span>}>
          <code>{plain(given.setting.value)}</code>
        </Show>
        <Show when={given.setting.secret}>
          <span class="tag">secret</span>
        </Show>
      </td>
      <td>
        <span classList={{ tag: given.setting.source !== 'default' }}>{given.setting.source}</span>
      </td>
    </tr>
  );
}
