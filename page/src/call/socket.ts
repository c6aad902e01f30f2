import type { Dtmf, FirstMessage, HangUp, ServerMessage, TypedText } from '../schema';
import { whyRefused } from './token';

const HELD_BACK = 2; // seconds of sound waiting for the network; beyond it frames are dropped, the line has stalled

export interface Socket {
  say(message: TypedText | Dtmf | HangUp): void;
  /** Sound, as bytes of the codec. */
  send(sound: Uint8Array<ArrayBuffer>): void;
  /** lineside has said its last word and closes: that is no loss. */
  over(): void;
  close(): void;
}

interface SocketListeners {
  readonly hear: (sound: ArrayBuffer) => void;
  readonly told: (event: ServerMessage) => void;
  readonly lost: () => void;
  readonly refused: (why: string) => void;
}

/** The line to lineside; `hello` is its first message. `second` is how many bytes of sound it carries in one. */
export function makeSocket(
  token: string,
  hello: FirstMessage,
  second: number,
  listeners: SocketListeners,
): Socket {
  const home = location.origin.replace(/^http/, 'ws');
  const socket = new WebSocket(`${home}/ws/call?token=${encodeURIComponent(token)}`);
  socket.binaryType = 'arraybuffer';
  const isOpen = () => socket.readyState === WebSocket.OPEN;
  const say = (message: TypedText | Dtmf | HangUp | FirstMessage) => {
    if (isOpen()) socket.send(JSON.stringify(message));
  };
  socket.onclose = async () => listeners.refused(await whyRefused());
  socket.onopen = () => {
    socket.onclose = () => listeners.lost();
    say(hello);
  };
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
    if (data instanceof ArrayBuffer) listeners.hear(data);
    else listeners.told(JSON.parse(data));
  };
  return {
    say,
    send: (sound) => {
      if (isOpen() && socket.bufferedAmount < HELD_BACK * second) socket.send(sound);
    },
    over: () => {
      socket.onclose = null;
    },
    close: () => {
      say({ type: 'hangup' });
      socket.close();
    },
  };
}
