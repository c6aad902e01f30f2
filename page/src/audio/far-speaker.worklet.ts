import { PlayedReport } from './played';

const SILENCE = new Float32Array(128); // a block, where nothing comes
const SOUNDS = 0.002; // of full scale: a reply begins with its first sound, which comes a little after its announcement

/** Plays what comes over a track. At "begin" a reply was announced: its seconds are counted from its first sound on. */
class FarSpeaker extends AudioWorkletProcessor {
  private readonly report = new PlayedReport(this.port, sampleRate);
  private announced = false;
  private samples = 0;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.announced = true;
      this.samples = 0;
    };
  }

  process([channels]: Float32Array[][], [played]: Float32Array[][]): boolean {
    const block = channels?.[0] ?? SILENCE;
    played?.[0]?.set(block);
    if (this.samples > 0 || (this.announced && block.some((sample) => Math.abs(sample) > SOUNDS)))
      this.samples += block.length;
    this.report.add(block, 0, this.samples / sampleRate);
    return true;
  }
}

registerProcessor('far-speaker', FarSpeaker);
