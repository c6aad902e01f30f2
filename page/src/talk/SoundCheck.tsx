import { createSignal, For, type JSX, onCleanup, Show } from 'solid-js';
import { type SoundCheck as Check, makeSoundCheck } from '../audio/check';
import { levelOf, silent } from '../audio/level';
import { chosenMicrophone, type Device, microphones } from '../audio/microphone';
import type { Calls } from '../call/create';
import { inCall } from '../call/create';
import { Meter } from './Meter';

/** Which microphone, whether it is heard, whether it is too loud, and whether the loudspeaker can be. */
export function SoundCheck(given: { calls: Calls }): JSX.Element {
  const [devices, setDevices] = createSignal<Device[]>([]);
  const [device, setDevice] = createSignal(chosenMicrophone());
  const [level, setLevel] = createSignal(silent);
  const [trouble, setTrouble] = createSignal('');
  let dialog!: HTMLDialogElement;
  let check: Check | null = null;

  const look = () => void microphones().then(setDevices);
  navigator.mediaDevices?.addEventListener('devicechange', look);
  onCleanup(() => navigator.mediaDevices?.removeEventListener('devicechange', look));

  const talking = () => inCall(given.calls.state());
  const hear = (pcm: Int16Array) => setLevel(levelOf(pcm));
  const lost = () => setTrouble('The microphone is gone. Connect it again or choose another one.');

  const open = async () => {
    setTrouble('');
    dialog.showModal();
    look();
    if (talking()) return; // the call's own microphone is shown then
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
  onCleanup(closed);

  return (
    <>
      <button id="sound-check" type="button" onClick={open}>
        Sound check
      </button>
      <dialog id="check-dialog" aria-labelledby="check-title" ref={dialog} onClose={closed}>
        <form method="dialog">
          <h2 id="check-title">Sound check</h2>
          <label for="device">Microphone</label>
          <select id="device" value={device()} onChange={(event) => pick(event.currentTarget.value)}>
            <option value="" selected={device() === ''}>
              As the browser chooses
            </option>
            <For each={devices()}>
              {(one) => (
                <option value={one.id} selected={one.id === device()}>
                  {one.name}
                </option>
              )}
            </For>
          </select>
          <Meter
            id="check-level"
            name="Speak: the bar should reach its middle"
            level={talking() ? given.calls.level() : level()}
          />
          <Show when={trouble()}>
            <p class="problem" role="alert">
              {trouble()}
            </p>
          </Show>
          <div class="choices">
            <button type="button" disabled={talking()} onClick={() => check?.tone()}>
              Play a tone
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
