const DRAIN = 2.5; // seconds for the last sound to be heard; as long as the ring can be, and a little more

/** The caller's loudspeaker: sound in the rate of the context, played without gaps. */
export async function makeSpeaker(context, tellGaps) {
  await context.audioWorklet.addModule("/web/speaker-worklet.js");
  const node = new AudioWorkletNode(context, "speaker", { numberOfInputs: 0, outputChannelCount: [1] });
  node.connect(context.destination);
  let drained = () => {};
  node.port.onmessage = ({ data }) => (data.drained ? drained() : tellGaps(data.gaps));
  return {
    play: (buffer) => node.port.postMessage(new Int16Array(buffer), [buffer]),
    over: () => node.port.postMessage("over"),
    clear: () => node.port.postMessage("clear"),
    /** Wait until all that was given has been played. */
    drain: () =>
      new Promise((done) => {
        drained = done;
        setTimeout(done, DRAIN * 1000); // a context that was suspended meanwhile never plays it
        node.port.postMessage("drain");
      }),
    close: () => node.disconnect(),
  };
}
