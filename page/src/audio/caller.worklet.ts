import { signed } from './pcm';

const FRAME = Math.round(sampleRate * 0.02); // samples: twenty milliseconds

/** Hands the caller's sound to the page in frames, signed 16-bit. */
class Caller extends AudioWorkletProcessor {
  private frame = new Int16Array(FRAME);
  private filled = 0;

  process([channels]: Float32Array[][]): boolean {
    const block = channels?.[0];
    if (!block) return true; // not connected yet, or the device is gone
    for (const sample of block) {
      this.frame[this.filled++] = signed(sample);
      if (this.filled < FRAME) continue;
      this.port.postMessage(this.frame, [this.frame.buffer]);
      this.frame = new Int16Array(FRAME);
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor('caller', Caller);
