import { signed } from './pcm';

const FRAME = Math.round(sampleRate * 0.02); // samples: twenty milliseconds

const SILENCE = new Float32Array(128); // a block, where nothing comes in: Firefox gives none for a muted microphone

/** Hands the caller's sound to the page in frames, signed 16-bit. */
class Caller extends AudioWorkletProcessor {
  private frame = new Int16Array(FRAME);
  private filled = 0;

  process([channels]: Float32Array[][]): boolean {
    const block = channels?.[0] ?? SILENCE;
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
