"""Digital silence, as it leaves a codec at the far end."""

import numpy as np

from lineside.audio.frame import SAMPLE_BYTES
from lineside.protocol import Codec

SOFTEST = 8  # of 32,768: G.722 makes samples up to 4 of silence; of A-law's silence, which is 8, mu-law makes 8
QUIET = {"g711_ulaw": b"\xff\x7f\xfe\x7e", "g711_alaw": b"\xd5\x55"}  # the codes of samples no louder than that


def is_silence(sound: bytes, codec: Codec) -> bool:
    """Whether no sample of it is louder than what a codec makes of silence."""
    if codec != "pcm":
        return not sound.strip(QUIET[codec])
    if not sound.strip(b"\0"):
        return True
    samples = np.frombuffer(sound[: len(sound) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2")
    return not samples.size or bool(samples.min() >= -SOFTEST and samples.max() <= SOFTEST)
