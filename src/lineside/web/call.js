import { makeMicrophone } from "./microphone.js";
import { Problem } from "./problem.js";
import { makeSpeaker } from "./speaker.js";

const RATES = { lowest: 8000, highest: 48000 }; // what lineside takes
const HELD_BACK = 2; // seconds of sound waiting for the network; beyond it frames are dropped, the line has stalled

/** lineside wants a key, and the one given (if any) is not among them. */
export class KeyNeeded extends Error {}

/**
 * One call: context, microphone, speaker and socket, opened in that order and closed together.
 *
 * `tell` gets what happens (see conversation.js), `hear` each frame of the microphone. With `words` the call is a
 * typed one: it opens no microphone, skips the greeting and begins with them.
 */
export function makeCall({ key, words, tell, hear }) {
  const held = []; // what is to be closed, in the order in which it was opened
  let over = false;
  let socket = null;
  let ready = false; // what is said before the line is up, or after it has ended, is not sent

  const keep = (thing) => {
    if (over) thing.close(); // Stop was pressed while it was being opened
    else held.push(thing);
    return thing;
  };
  const end = (event) => {
    if (over) return;
    over = true;
    for (const thing of held.reverse()) thing.close();
    tell(event);
  };
  const say = (message) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

  const open = async () => {
    const context = keep(makeContext());
    const rate = Math.round(context.sampleRate);
    const speaker = keep(await makeSpeaker(context, (gaps) => over || tell({ type: "gaps", gaps })));
    const frame = (pcm) => {
      if (over) return;
      hear(pcm);
      if (ready && socket.bufferedAmount < HELD_BACK * rate * pcm.BYTES_PER_ELEMENT) socket.send(pcm);
    };
    const lost = () => end({ type: "failed", words: "The microphone is gone. Connect it again and press Talk." });
    if (!words && !over) keep(await makeMicrophone(context, frame, lost));
    const token = over ? "" : await askForToken(key);
    if (over) return;

    socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/call?token=${encodeURIComponent(token)}`);
    socket.binaryType = "arraybuffer";
    keep({ close: hangUp });
    socket.onclose = async () => end({ type: "failed", words: await whyRefused() });
    socket.onopen = () => {
      socket.onclose = () => end({ type: "lost" });
      say({ codec: "pcm", sample_rate: rate, ...(words && { greeting: "" }) });
    };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) speaker.play(data);
      else happened(JSON.parse(data), speaker);
    };
  };

  const happened = (event, speaker) => {
    if (over) return;
    switch (event.type) {
      case "ready":
        ready = true;
        tell(event);
        if (words) say({ type: "text", text: words });
        return;
      case "clear":
        return speaker.clear();
      case "audio_done":
        speaker.over();
        return tell(event);
      case "ended": // the gateway closes now; what it has sent is still heard
        ready = false;
        socket.onclose = null;
        return speaker.drain().then(() => end(event));
      default:
        return tell(event);
    }
  };

  const hangUp = () => {
    say({ type: "hangup" });
    socket.close();
  };

  tell({ type: "connecting" });
  open().catch((cause) => {
    if (over) return; // what was still being opened was closed under its hands
    if (!(cause instanceof Problem || cause instanceof KeyNeeded)) console.error(cause);
    end({ type: "failed", words: cause.message, keyNeeded: cause instanceof KeyNeeded });
  });
  return {
    type: (text) => say({ type: "text", text }),
    close: () => end({ type: "stopped" }),
  };
}

/** Sound at the device's own rate where lineside takes that: nothing is resampled on the way then. */
function makeContext() {
  const context = new AudioContext({ latencyHint: "interactive" });
  if (context.sampleRate >= RATES.lowest && context.sampleRate <= RATES.highest) return context;
  context.close();
  return new AudioContext({ latencyHint: "interactive", sampleRate: RATES.highest });
}

/** A socket cannot carry a header, so a short-lived token in its address stands for the key. */
async function askForToken(key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch("/api/token", { method: "POST", headers }).catch(() => {
    throw new Problem(SILENT);
  });
  if (answer.status === 401) throw new KeyNeeded(key ? "That key was not accepted." : "This desk asks for a key.");
  const body = await answer.json();
  if (!answer.ok) throw new Problem(body.error.message);
  return body.token;
}

const SILENT = "lineside does not answer. Check that it is running, then press Talk.";

/** A socket that is refused cannot see the status; /health can say what it was. */
async function whyRefused() {
  try {
    const health = await (await fetch("/health", { cache: "no-store" })).json();
    if (health.status === "closing") return "lineside is shutting down. Press Talk once it is running again.";
    if (health.calls < health.max_calls) return "The call was refused. Press Talk to try again; lineside's log may say why.";
    return `All lines are taken (${health.max_calls}). Wait until a call has ended, then press Talk.`;
  } catch {
    return SILENT;
  }
}
