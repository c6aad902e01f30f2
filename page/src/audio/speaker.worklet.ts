import { Playback } from './playback';
import { PlayedReport } from './played';

/** Plays what the page sends it: sound as Int16Array, or the words "begin", "over", "clear" and "drain". */
class Speaker extends AudioWorkletProcessor {
  private readonly playback = new Playback(sampleRate);
  private readonly report = new PlayedReport(this.port, sampleRate);
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
    this.report.add(block, this.playback.gaps, this.playback.played / sampleRate);
    if (this.draining && this.playback.waiting === 0) {
      this.draining = false;
      this.port.postMessage({ drained: true });
    }
    return true;
  }
}

registerProcessor('speaker', Speaker);
