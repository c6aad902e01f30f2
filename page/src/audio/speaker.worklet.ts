import { signed } from './pcm';
import { Playback } from './playback';

const TELL = Math.round(sampleRate * 0.1); // samples between two reports of what was played

/** Plays what the page sends it: sound as Int16Array, or the words "begin", "over", "clear" and "drain". */
class Speaker extends AudioWorkletProcessor {
  private readonly playback = new Playback(sampleRate);
  private heard = new Int16Array(TELL);
  private filled = 0;
  private draining = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<Int16Array | 'begin' | 'over' | 'clear' | 'drain'>) => {
      if (data instanceof Int16Array) this.playback.add(data);
      else if (data === 'drain') this.draining = true;
      else this.playback[data]();
    };
  }

  process(_inputs: Float32Array[][], [channels]: Float32Array[][]): boolean {
    const block = channels?.[0];
    if (!block) return true;
    this.playback.fill(block);
    this.note(block);
    if (this.draining && this.playback.waiting === 0) {
      this.draining = false;
      this.port.postMessage({ drained: true });
    }
    return true;
  }

  /** Tell the page now and then what has been played, and how far the reply has come. */
  private note(block: Float32Array): void {
    for (const sample of block) {
      this.heard[this.filled++] = signed(sample);
      if (this.filled < TELL) continue;
      const { gaps, played } = this.playback;
      this.port.postMessage({ gaps, seconds: played / sampleRate, pcm: this.heard }, [this.heard.buffer]);
      this.heard = new Int16Array(TELL);
      this.filled = 0;
    }
  }
}

registerProcessor('speaker', Speaker);
