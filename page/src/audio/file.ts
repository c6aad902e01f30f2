import { Problem } from '../call/problem';

const LARGEST = 50; // megabytes; a browser unpacks it to ten times as much
const LONGEST = 600; // seconds; a call has its own end besides

/** A recording, in the rate of the context. Throws a `Problem` that says what was wrong with it. */
export async function readRecording(file: File, context: BaseAudioContext): Promise<AudioBuffer> {
  if (file.size > LARGEST * 1e6) {
    throw new Problem(`“${file.name}” is larger than ${LARGEST} MB. Choose a shorter recording.`);
  }
  const sound = await context.decodeAudioData(await file.arrayBuffer()).catch(() => {
    throw new Problem(`“${file.name}” is not a supported audio file. Choose a WAV, MP3, OGG or FLAC file.`);
  });
  if (sound.duration > LONGEST) {
    throw new Problem(`“${file.name}” is longer than ${LONGEST / 60} minutes. Choose a shorter recording.`);
  }
  return sound;
}
