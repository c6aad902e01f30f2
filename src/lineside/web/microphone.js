import { Problem } from "./problem.js";

const WANTED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

const REFUSALS = {
  NotAllowedError: "The microphone was refused. Allow it for this page in the browser's address bar and press Talk, or type below.",
  NotFoundError: "No microphone was found. Connect one and press Talk, or type below.",
  NotReadableError: "The microphone is held by another program. Close that and press Talk, or type below.",
};

/** The caller's microphone, in frames of 20 ms at the context's rate. Throws a `Problem` where there is none. */
export async function makeMicrophone(context, hear, lost) {
  if (!navigator.mediaDevices) {
    throw new Problem("Browsers lend the microphone only to https pages and to localhost. Open this page there, or type below.");
  }
  const stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED }).catch((cause) => {
    throw new Problem(REFUSALS[cause.name] ?? `The microphone could not be opened (${cause.message}). You can type below.`);
  });
  const close = () => stream.getTracks().forEach((track) => track.stop());
  try {
    await context.audioWorklet.addModule("/web/microphone-worklet.js");
    const node = new AudioWorkletNode(context, "microphone", { channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = ({ data }) => hear(data);
    // Its output is silence; it is connected because some browsers run only what leads to the loudspeaker.
    context.createMediaStreamSource(stream).connect(node).connect(context.destination);
    stream.getAudioTracks()[0].onended = lost;
  } catch (cause) {
    close();
    throw cause;
  }
  return { close };
}
