const FRAME = Math.round(sampleRate * 0.02); // samples: twenty milliseconds

/** Hands the microphone's sound to the page in frames, signed 16-bit. */
class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this._frame = new Int16Array(FRAME);
    this._filled = 0;
  }

  process([[block]]) {
    if (!block) return true; // not connected yet, or the device is gone
    for (const sample of block) {
      this._frame[this._filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
      if (this._filled === FRAME) {
        this.port.postMessage(this._frame, [this._frame.buffer]);
        this._frame = new Int16Array(FRAME);
        this._filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
