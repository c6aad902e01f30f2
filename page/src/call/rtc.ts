import { ask } from '../api';
import { home } from '../home';
import type { FirstMessage, ServerMessage } from '../schema';
import type { Connection, ConnectionListeners } from './connection';
import { whyRefused } from './token';

const CONNECTS_WITHIN = 5000; // ms; where no UDP gets through it never does
const LAST_WORDS = 300; // ms in which the goodbye leaves
const NOT_HERE = 'This gateway answers no WebRTC; this call uses the WebSocket.';
const BLOCKED =
  'WebRTC did not connect within 5 s, perhaps because UDP is blocked; this call uses the WebSocket.';

interface RtcListeners extends ConnectionListeners {
  /** The agent's voice. */
  readonly track: (stream: MediaStream) => void;
  /** No call came about, and none will this way: why, in words. */
  readonly unreachable: (words: string) => void;
}

/** Sound in tracks of Opus, which a network that loses packets does not hold up; messages on a data channel. */
export function makeRtc(
  token: string,
  first: Omit<FirstMessage, 'codec' | 'sample_rate'>,
  caller: MediaStream,
  listeners: RtcListeners,
): Connection {
  const peer = new RTCPeerConnection();
  const channel = peer.createDataChannel('lineside');
  let call = ''; // its id, once the gateway holds a slot for it
  let over = false; // nothing more is to be heard of this connection
  let away = false;
  let limit: ReturnType<typeof setTimeout> | undefined;

  for (const track of caller.getAudioTracks()) peer.addTrack(track, caller);
  peer.ontrack = ({ track, streams: [stream] }) => listeners.track(stream ?? new MediaStream([track]));
  channel.onopen = () => clearTimeout(limit);
  channel.onmessage = ({ data }: MessageEvent<string>) => {
    if (!over) listeners.told(JSON.parse(data) as ServerMessage);
  };
  channel.onclose = () => {
    if (!over) listeners.lost();
  };
  peer.onconnectionstatechange = () => {
    if (over || channel.readyState !== 'open') return;
    if (peer.connectionState === 'failed') return listeners.lost();
    if (away === (peer.connectionState === 'disconnected')) return;
    away = !away;
    listeners.away(away);
  };

  const leave = () => {
    over = true;
    clearTimeout(limit);
  };
  /** Free the slot of a call that never connected. */
  const giveBack = () => {
    if (call) ask('POST', `/api/calls/${call}/end`).catch(() => {}); // it ends by itself a little later
  };
  const giveUp = (words: string) => {
    if (over) return;
    leave();
    giveBack();
    peer.close();
    listeners.unreachable(words);
  };

  const open = async () => {
    await peer.setLocalDescription();
    const body = JSON.stringify({ sdp: peer.localDescription?.sdp, first });
    const answer = await fetch(home(`/rtc/call?token=${encodeURIComponent(token)}`), {
      method: 'POST',
      body,
    });
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) call = told.call_id;
    if (over) return giveBack();
    if (answer.status === 501) return giveUp(NOT_HERE);
    if (!answer.ok) return listeners.refused(told.error?.message ?? (await whyRefused()));
    await peer.setRemoteDescription({ type: 'answer', sdp: told.sdp });
    limit = setTimeout(() => giveUp(BLOCKED), CONNECTS_WITHIN);
  };
  open().catch(async (cause: Error) => {
    console.warn(cause);
    if (!over) listeners.refused(await whyRefused());
  });

  return {
    say: (message) => {
      if (channel.readyState === 'open') channel.send(JSON.stringify(message));
    },
    send: () => {}, // it goes by the track
    over: leave,
    close: () => {
      const connected = channel.readyState === 'open';
      if (connected && !over) channel.send(JSON.stringify({ type: 'hangup' }));
      if (!connected && !over) giveBack();
      leave();
      setTimeout(() => peer.close(), LAST_WORDS);
    },
  };
}
