import { signed } from './pcm';

const TELL = 0.1; // seconds between two reports of what was played

/** Collects what a worklet plays, and tells the page of it ten times a second. */
export class PlayedReport {
  private readonly port: MessagePort;
  private readonly size: number;
  private heard: Int16Array<ArrayBuffer>;
  private filled = 0;

  constructor(port: MessagePort, rate: number) {
    this.port = port;
    this.size = Math.round(rate * TELL);
    this.heard = new Int16Array(this.size);
  }

  /** A block; how many gaps there were so far, and how many seconds of the reply have been played. */
  add(block: Float32Array, gaps: number, seconds: number): void {
    for (const sample of block) {
      this.heard[this.filled++] = signed(sample);
      if (this.filled < this.size) continue;
      this.port.postMessage({ gaps, seconds, pcm: this.heard }, [this.heard.buffer]);
      this.heard = new Int16Array(this.size);
      this.filled = 0;
    }
  }
}
