import { createSignal, For, type JSX, onCleanup, Show } from 'solid-js';
import { type SoundCheck as Check, makeSoundCheck } from '../audio/check';
import { canChooseSpeaker, chosenSpeaker } from '../audio/context';
import { levelOf, silent } from '../audio/level';
import { chosenMicrophone, type Device, devices } from '../audio/microphone';
import type { Calls } from '../call/create';
import { inCall } from '../call/create';
import { Meter } from './Meter';

/** Which microphone, whether it is heard, whether it is too loud, and whether the loudspeaker can be. */
export function SoundCheck(given: { calls: Calls }): JSX.Element {
  const [inputs, setInputs] = createSignal<Device[]>([]);
  const [outputs, setOutputs] = createSignal<Device[]>([]);
  const [device, setDevice] = createSignal(chosenMicrophone());
  const [level, setLevel] = createSignal(silent);
  const [trouble, setTrouble] = createSignal('');
  let dialog!: HTMLDialogElement;
  let check: Check | null = null;

  const look = () => {
    void devices('audioinput').then(setInputs);
    void devices('audiooutput').then(setOutputs);
  };
  navigator.mediaDevices?.addEventListener('devicechange', look);
  onCleanup(() => navigator.mediaDevices?.removeEventListener('devicechange', look));

  const active = () => inCall(given.calls.state());
  const hear = (pcm: Int16Array) => setLevel(levelOf(pcm));
  const lost = () => setTrouble('Microphone disconnected. Connect it again or choose another one.');

  const open = async () => {
    setTrouble('');
    dialog.showModal();
    look();
    if (active()) return; // the call's own microphone is shown then
    try {
      const opened = await makeSoundCheck(hear, lost);
      if (!dialog.open) return opened.close(); // closed while the browser was asking
      check = opened;
      await opened.listen(device());
      look(); // names are told once a microphone was lent
    } catch (cause) {
      setTrouble((cause as Error).message);
    }
  };
  const closed = () => {
    check?.close();
    check = null;
    setLevel(silent);
  };
  const pick = async (id: string) => {
    setDevice(id);
    setTrouble('');
    await given.calls.listen(id);
    await check?.listen(id).catch((cause: Error) => setTrouble(cause.message));
  };
  const play = async (id: string) => {
    await given.calls.output(id);
    await check?.output(id);
  };
  onCleanup(closed);

  return (
    <>
      <button id="sound-check" type="button" onClick={open}>
        Audio settings
      </button>
      <dialog id="check-dialog" aria-labelledby="check-title" ref={dialog} onClose={closed}>
        <form method="dialog">
          <h2 id="check-title">Audio settings</h2>
          <label for="device">Microphone</label>
          <select id="device" value={device()} onChange={(event) => pick(event.currentTarget.value)}>
            <option value="" selected={device() === ''}>
              System default
            </option>
            <For each={inputs()}>
              {(one) => (
                <option value={one.id} selected={one.id === device()}>
                  {one.name}
                </option>
              )}
            </For>
          </select>
          <Meter
            id="check-level"
            name="Speak normally; aim for the middle of the meter"
            level={active() ? given.calls.level() : level()}
          />
          <Show when={canChooseSpeaker()}>
            <label for="speaker">Speaker</label>
            <select id="speaker" onChange={(event) => play(event.currentTarget.value)}>
              <option value="">System default</option>
              <For each={outputs()}>
                {(one) => (
                  <option value={one.id} selected={one.id === chosenSpeaker()}>
                    {one.name}
                  </option>
                )}
              </For>
            </select>
          </Show>
          <Show when={trouble()}>
            <p class="problem" role="alert">
              {trouble()}
            </p>
          </Show>
          <div class="choices">
            <button type="button" disabled={active()} onClick={() => check?.tone()}>
              Test speaker
            </button>
            <button type="submit" class="main">
              Done
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
