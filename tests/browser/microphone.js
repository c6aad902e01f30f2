/* A microphone that says what it is given when it is given it: `microphone.say(…)`, the base64 of 16-bit samples. */
window.microphone = (() => {
  const RATE = 48000;
  let context = null;
  let out = null;

  navigator.mediaDevices.getUserMedia = async () => {
    context ??= new AudioContext({ sampleRate: RATE });
    await context.resume();
    out = context.createMediaStreamDestination();
    return out.stream;
  };

  /* Resolves when the last sample has been said. */
  const say = async (sound) => {
    const bytes = Uint8Array.from(atob(sound), (sign) => sign.charCodeAt(0));
    const samples = new Int16Array(bytes.buffer);
    const buffer = context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(Float32Array.from(samples, (sample) => sample / 32768), 0);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(out);
    source.start();
    await new Promise((ended) => (source.onended = ended));
  };

  return { say };
})();
