"""Music for callers on hold, on lines whose far end has none: made here, so nobody's rights are in it.

Broken chords of plucked strings, soft, within a telephone's band (300 to 3400 Hz), the same over and over.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from lineside.audio import g711
from lineside.protocol import Codec

BEAT = 0.375  # seconds from note to note
CHORDS = ((523.25, 659.26, 783.99), (440.00, 523.25, 659.26), (349.23, 440.00, 523.25), (392.00, 493.88, 587.33))
FIGURE = (0, 1, 2, 1, 0, 1, 2, 1)  # the notes of a chord, one after the other
LEVEL = 0.09  # of full scale, for one note: quieter than a voice
DECAY = 0.45  # seconds after which a note has a third of its strength
RINGS = 1.5  # seconds that a note is heard

PIECE = 0.2  # seconds that are sent at once
LEAD = 0.6  # seconds that are sent ahead


@lru_cache(maxsize=8)
def hold_music(codec: Codec, rate: int) -> bytes:
    """Twelve seconds whose end fits their beginning.

    Args:
        codec: of the line.
        rate: of the line, in hertz.

    Returns:
        Samples in the line's codec.
    """
    notes = [chord[step] for chord in CHORDS for step in FIGURE]
    whole, step = round(len(notes) * BEAT * rate), BEAT * rate
    time = np.arange(round(RINGS * rate)) / rate
    shape = np.exp(-time / DECAY) * np.minimum(1.0, time / 0.008) * np.minimum(1.0, (RINGS - time) / 0.05)
    sound = np.zeros(whole)
    for number, pitch in enumerate(notes):
        note = sum(np.sin(2 * np.pi * pitch * part * time) / part**2 for part in (1, 2, 3))
        places = (round(number * step) + np.arange(len(time))) % whole  # what rings on at the end begins it anew
        np.add.at(sound, places, LEVEL * shape * note)
    pcm = np.rint(np.clip(sound, -1.0, 1.0) * 32767).astype("<i2").tobytes()
    return pcm if codec == "pcm" else g711.encode(pcm, codec)


class HoldMusic:
    """Plays it on a line, by the clock, until it is stopped. Sends from a callback of the event loop."""

    def __init__(self, codec: Codec, rate: int, send: Callable[[bytes], None]) -> None:
        """`send` takes sound in the line's codec."""
        self._codec, self._rate, self._send = codec, rate, send
        self._second = rate * (2 if codec == "pcm" else 1)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._sent = 0  # bytes

    def start(self) -> None:
        """From the beginning; harmless where it plays."""
        if self._timer is None:
            self._began, self._sent = self._loop.time(), 0
            self._play()

    def stop(self) -> None:
        """Harmless where it does not play. What has been sent is the line's to clear."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _play(self) -> None:
        music, size = hold_music(self._codec, self._rate), round(PIECE * self._rate) * (self._second // self._rate)
        played = (self._loop.time() - self._began) * self._second
        if played - self._sent > self._second:  # the process stood still: what is missed is missed
            self._sent = round(played / size) * size
        while self._sent < played + LEAD * self._second:
            at = self._sent % len(music)
            self._send((music[at:] + music)[:size])
            self._sent += size
        self._timer = self._loop.call_later(PIECE, self._play)
