import { Problem } from '../call/problem';

const WANTED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const KEPT = 'lineside microphone';

const REFUSALS: Record<string, string> = {
  NotAllowedError:
    "Microphone access denied. Allow it for this page in the browser's address bar and press Start call, or type below.",
  NotFoundError: 'No microphone was found. Connect one and press Start call, or type below.',
  NotReadableError:
    'The microphone is in use by another application. Close that and press Start call, or type below.',
};

/** A microphone that the browser lends us. */
export interface Lent {
  readonly stream: MediaStream;
  mute(muted: boolean): void;
  /** What to do when it is pulled out. */
  lost(then: () => void): void;
  close(): void;
}

/** Ask for that microphone, or for any where none is named. Throws a `Problem` where there is none. */
export async function lend(device: string): Promise<Lent> {
  if (!navigator.mediaDevices) {
    throw new Problem('Microphone access needs https:// or localhost. Open this page there, or type below.');
  }
  const audio = device ? { ...WANTED, deviceId: device } : WANTED;
  const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((cause: DOMException) => {
    throw new Problem(
      REFUSALS[cause.name] ?? `The microphone could not be opened (${cause.message}). You can type below.`,
    );
  });
  const tracks = stream.getAudioTracks();
  return {
    stream,
    mute: (muted) => {
      for (const track of tracks) track.enabled = !muted;
    },
    lost: (then) => {
      for (const track of tracks) track.onended = then;
    },
    close: () => {
      for (const track of stream.getTracks()) {
        track.onended = null;
        track.stop();
      }
    },
  };
}

export interface Device {
  readonly id: string;
  readonly name: string;
}

/** The microphones or loudspeakers there are; without names until a microphone was lent once. */
export async function devices(kind: 'audioinput' | 'audiooutput'): Promise<Device[]> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const name = kind === 'audioinput' ? 'Microphone' : 'Speaker';
  return all
    .filter((device) => device.kind === kind && device.deviceId !== '')
    .map((device, index) => ({ id: device.deviceId, name: device.label || `${name} ${index + 1}` }));
}

/** The microphone that was chosen last; empty: the browser's own choice. */
export const chosenMicrophone = (): string => localStorage.getItem(KEPT) ?? '';

export function chooseMicrophone(id: string): void {
  if (id) localStorage.setItem(KEPT, id);
  else localStorage.removeItem(KEPT);
}
