/* A tap on the page under test: what goes to the loudspeaker, what comes over the socket, what is lent and opened. */
window.tap = (() => {
  const blocks = [];
  const tap = { context: null, began: null, events: [], streams: [], said: [], frames: [] };

  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    // The microphone's worklet is silent there.
    if (to instanceof AudioDestinationNode && (this.numberOfInputs === 0 || this.plays === "far-speaker")) {
      tap.context = this.context;
      if (window.recorder) record(this);
    }
    return connect.call(this, to, ...rest);
  };

  window.AudioWorkletNode = class extends AudioWorkletNode {
    constructor(context, name, given) {
      super(context, name, given);
      this.plays = name;
    }
  };

  const record = async (speaker) => {
    tap.began = null;
    blocks.length = 0;
    const module = URL.createObjectURL(new Blob([window.recorder], { type: "text/javascript" }));
    await speaker.context.audioWorklet.addModule(module);
    const recorder = new AudioWorkletNode(speaker.context, "recorder", { channelCount: 1, channelCountMode: "explicit" });
    recorder.port.onmessage = ({ data }) => {
      tap.began ??= data.began;
      blocks.push(...data.blocks);
    };
    connect.call(speaker, recorder);
  };

  tap.played = () => {
    const pcm = new Int16Array(blocks.length * 128);
    blocks.forEach((block, index) => block.forEach((sample, at) => { pcm[index * 128 + at] = sample * 32767; }));
    const bytes = new Uint8Array(pcm.buffer);
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return { pcm: btoa(text), rate: tap.context.sampleRate, began: tap.began ?? 0 };
  };

  tap.quiet = (seconds, loud) => {
    const last = blocks.slice(-Math.ceil((seconds * tap.context.sampleRate) / 128));
    return last.every((block) => block.every((sample) => Math.abs(sample) <= loud));
  };

  /* Seconds of loud sound that were played. */
  tap.sounded = (loud) =>
    (blocks.filter((block) => block.some((sample) => Math.abs(sample) > loud)).length * 128) / tap.context.sampleRate;

  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        if (typeof data === "string") tap.events.push({ ...JSON.parse(data), time: tap.context.currentTime });
      });
    }

    send(data) {
      if (typeof data === "string") tap.said.push(JSON.parse(data));
      else tap.frames.push(data.byteLength);
      super.send(data);
    }
  };

  if (navigator.mediaDevices) {
    const lend = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = await lend(wanted);
      tap.streams.push({ stream, wanted });
      return stream;
    };
  }
  return tap;
})();
