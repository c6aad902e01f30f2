/** Mu-law, as telephones send it: ITU-T G.711, table 2. Eight bits for fourteen. */

const BIAS = 132; // 33 of 14 bits, in 16
const CLIP = 32635; // what is louder has no code

/** One sample, signed 16-bit, as its code. */
function code(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const size = Math.min(Math.abs(sample), CLIP) + BIAS;
  const exponent = 24 - Math.clz32(size); // 7 for the loudest segment
  const mantissa = (size >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}

function sample(code: number): number {
  const bits = ~code & 0xff;
  const exponent = (bits >> 4) & 0x07;
  const size = ((((bits & 0x0f) << 3) + BIAS) << exponent) - BIAS;
  return bits & 0x80 ? -size : size;
}

const SAMPLES = Int16Array.from({ length: 256 }, (_, code) => sample(code));

/** Sound, signed 16-bit, as mu-law: a byte a sample. */
export function toMuLaw(pcm: Int16Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(pcm, code);
}

/** Mu-law as sound, signed 16-bit. */
export function fromMuLaw(codes: Uint8Array): Int16Array<ArrayBuffer> {
  return Int16Array.from(codes, (code) => SAMPLES[code] ?? 0);
}
