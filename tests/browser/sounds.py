"""Sound for the browser's microphone, and a tap on what its loudspeaker plays."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from playwright.sync_api import BrowserContext, Page

from lineside.audio.frame import SAMPLE_BYTES, AudioFrame
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import wav_bytes

MICROPHONE_RATE = 48_000
HERE = Path(__file__).parent


def silence(seconds: float) -> AudioFrame:
    """Nothing."""
    return AudioFrame(bytes(round(seconds * MICROPHONE_RATE) * SAMPLE_BYTES), MICROPHONE_RATE)


def voice(seconds: float) -> AudioFrame:
    """A hum in syllables: enough of a voice that a browser's noise suppression lets it pass."""
    t = np.arange(round(seconds * MICROPHONE_RATE)) / MICROPHONE_RATE
    pitch = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 1.5 * t)) / MICROPHONE_RATE
    hum = sum(np.sin(pitch * n) / n for n in range(1, 20))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)
    return AudioFrame((hum * syllables * 6000).astype(np.int16).tobytes(), MICROPHONE_RATE)


def recording(file: Path, parts: Iterable[AudioFrame]) -> Path:
    """The parts one after the other, as a file that the browser takes for its microphone."""
    pcm = bytearray()
    for part in parts:
        resampler = InputResampler(part.rate, MICROPHONE_RATE)
        pcm += resampler.feed(part.pcm) + resampler.end()
    file.write_bytes(wav_bytes(bytes(pcm), MICROPHONE_RATE))
    return file


class Played(Struct, frozen=True):
    """What the page has played, silence and all, since its loudspeaker was opened."""

    pcm: bytes
    rate: int
    began: float  # on the audio context's clock, seconds

    def loudness(self, seconds: float) -> npt.NDArray[np.int32]:
        """The loudest sample of each stretch of that length, of 32768."""
        samples, size = self._levels(), round(seconds * self.rate)
        loudest: npt.NDArray[np.int32] = samples[: len(samples) // size * size].reshape(-1, size).max(axis=1)
        return loudest

    def sounding(self) -> tuple[float, float]:
        """When the first and the last loud sample were played, on the audio context's clock."""
        loud = np.flatnonzero(self._levels() > LOUD)
        assert len(loud), "nothing was played"
        return self.began + float(loud[0]) / self.rate, self.began + float(loud[-1]) / self.rate

    def between(self, start: float, end: float) -> AudioFrame:
        """What was played from then to then, on the audio context's clock."""
        first, last = (round((at - self.began) * self.rate) * SAMPLE_BYTES for at in (start, end))
        return AudioFrame(self.pcm[max(0, first) : last], self.rate)

    def _levels(self) -> npt.NDArray[np.int32]:
        return np.abs(np.frombuffer(self.pcm, np.int16).astype(np.int32))


LOUD = 300  # of 32768; the scripted voice's tone reaches 8000


def tap(context: BrowserContext, *, record: bool) -> None:
    """Note what pages of this browser send, get and are lent, and record what they play. Nothing of them is replaced.

    To record, the browser must be told to bypass the page's policy: the recorder is no script of the gateway's.
    """
    if record:
        context.add_init_script(f"window.recorder = {json.dumps((HERE / 'recorder-worklet.js').read_text())};")
    context.add_init_script(path=HERE / "tap.js")


def played(page: Page) -> Played:
    """All that the page has played so far."""
    heard = page.evaluate("tap.played()")
    return Played(base64.b64decode(heard["pcm"]), heard["rate"], heard["began"])


def event_times(page: Page, kind: str) -> list[float]:
    """When events of this kind came, on the audio context's clock."""
    times: list[float] = page.evaluate("kind => tap.events.filter(e => e.type === kind).map(e => e.time)", kind)
    return times
