import { socketHome } from '../home';
import type { FirstMessage, ServerMessage } from '../schema';
import type { Connection, ConnectionListeners } from './connection';
import { SentMessages } from './sent';
import { whyRefused } from './token';

const HELD_BACK = 2; // seconds of sound waiting for the network; beyond it frames are dropped, the line has stalled
const DEAD_AFTER = 2500; // ms in which nothing left, though something waits: the network is gone, whoever knows of it
const AGAIN_AFTER = 300; // ms between two attempts to come back
const ANSWERS_WITHIN = 2500; // ms for one attempt
const COMES_BACK = 4000; // the close code of a connection that is given up for another one
const GOODBYES = [1000, 1001, 1008, 1009]; // lineside meant it

interface SocketListeners extends ConnectionListeners {
  readonly hear: (sound: ArrayBuffer) => void;
}

/** What a call is resumed with. */
interface Pass {
  readonly call: string;
  readonly token: string;
  readonly seconds: number;
}

/**
 * The line to lineside; `hello` is its first message. `second` is how many bytes of sound it carries in one. When the
 * network breaks, the call goes on over another connection: nothing that either side said is lost or comes twice.
 */
export function makeSocket(
  tokens: () => Promise<string>,
  token: string,
  hello: FirstMessage,
  second: number,
  listeners: SocketListeners,
): Connection {
  const sent = new SentMessages();
  let pass: Pass | null = null;
  let received = 0; // messages of the call
  let over = false; // nothing more is to be heard of this line
  let away = false;
  let socket = open(`ws/call?token=${encodeURIComponent(token)}`);
  let waits = 0; // bytes at the last look
  let moved = performance.now(); // when some of them left

  const isOpen = () => !away && socket.readyState === WebSocket.OPEN;
  socket.onclose = async () => listeners.refused(await whyRefused());
  socket.onopen = () => {
    socket.send(JSON.stringify(hello));
    attend();
  };

  const attend = () => {
    const mine = socket;
    mine.onclose = ({ code }) => {
      if (mine === socket) broken(code);
    };
    mine.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
      if (mine !== socket || over) return;
      received += 1;
      if (data instanceof ArrayBuffer) return listeners.hear(data);
      const event = JSON.parse(data) as ServerMessage;
      if (event.type === 'ready')
        pass = event.resume_token
          ? { call: event.call_id, token: event.resume_token, seconds: event.resume_s }
          : null;
      listeners.told(event);
    };
  };

  const broken = (code: number) => {
    if (over || away) return;
    if (!pass || GOODBYES.includes(code)) return listeners.lost();
    away = true;
    listeners.away(true);
    void comeBack(performance.now() + pass.seconds * 1000);
  };

  const comeBack = async (until: number) => {
    while (!over) {
      const now = await attempt();
      if (now === 'refused' || (now === null && performance.now() > until)) break;
      if (over) {
        if (now) now.close();
        return;
      }
      if (now) {
        away = false;
        moved = performance.now();
        listeners.away(false);
        for (const message of sent.rest()) socket.send(message);
        return;
      }
      await new Promise((done) => setTimeout(done, AGAIN_AFTER));
    }
    if (!over) listeners.lost();
  };

  /** The next connection; null: not now. */
  const attempt = async (): Promise<WebSocket | 'refused' | null> => {
    const { call, token: resume } = pass as Pass;
    const access = await tokens().catch(() => null);
    if (access === null || over) return null;
    const next = open(`ws/call/${encodeURIComponent(call)}?token=${encodeURIComponent(access)}`);
    return new Promise((settle) => {
      const limit = setTimeout(() => fail(null), ANSWERS_WITHIN);
      const fail = (why: 'refused' | null) => {
        clearTimeout(limit);
        next.onclose = next.onmessage = next.onopen = null;
        next.close();
        settle(why);
      };
      next.onclose = () => fail(null);
      next.onopen = () => next.send(JSON.stringify({ type: 'resume', token: resume, received }));
      next.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
        const event = typeof data === 'string' ? (JSON.parse(data) as ServerMessage) : null;
        if (event?.type !== 'resumed') return fail('refused');
        clearTimeout(limit);
        pass = { ...(pass as Pass), token: event.resume_token };
        received = event.next;
        sent.known(event.received);
        socket = next;
        attend();
        settle(next);
      };
    });
  };

  const give = (message: string | Uint8Array<ArrayBuffer>) => {
    if (over) return;
    if (isOpen()) {
      sent.add(message, true);
      socket.send(message);
    } else if (away) sent.add(message, false);
  };

  /** Whether the network takes what we send; a dead one is given up, though nobody has said that it is. */
  const lives = () => {
    const now = performance.now();
    if (socket.bufferedAmount === 0 || socket.bufferedAmount < waits) moved = now;
    waits = socket.bufferedAmount;
    if (now - moved > DEAD_AFTER) giveUp();
  };

  const giveUp = () => {
    if (away || over || !pass || socket.readyState !== WebSocket.OPEN) return;
    socket.onclose = null;
    socket.close(COMES_BACK);
    broken(COMES_BACK);
  };
  globalThis.addEventListener?.('offline', giveUp);
  const leave = () => {
    over = true;
    globalThis.removeEventListener?.('offline', giveUp);
  };

  return {
    say: (message) => give(JSON.stringify(message)),
    send: (sound) => {
      if (isOpen()) lives();
      if (away || socket.bufferedAmount < HELD_BACK * second) give(sound);
    },
    over: leave,
    close: () => {
      if (isOpen()) socket.send(JSON.stringify({ type: 'hangup' }));
      leave();
      socket.onclose = null;
      socket.close();
    },
  };
}

function open(path: string): WebSocket {
  const socket = new WebSocket(socketHome(path));
  socket.binaryType = 'arraybuffer';
  return socket;
}
