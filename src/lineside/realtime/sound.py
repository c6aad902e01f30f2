"""Sound between a Realtime client and the call: formats, bursts, and what is collected until it is committed."""

from collections.abc import Callable
from typing import Any, Literal

from lineside.audio import g711
from lineside.audio.frame import SAMPLE_BYTES, STT_RATE, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.realtime.errors import RealtimeError

LINE_RATE = 24_000  # samples a second of the call, both ways
STEP = LINE_RATE * SAMPLE_BYTES // 4  # bytes of a burst that the ear takes at once, a quarter of a second …
STEP_PAUSE = 0.01  # … and the seconds in which others are heard before the next: 25 times real time
AT_ONCE = 15 << 20  # bytes of sound in one message
MOST = 64 << 20  # bytes that may wait, 23 minutes; more is refused
SHORTEST = 0.1  # seconds that can be committed
CODECS: dict[str, Literal["g711_ulaw", "g711_alaw"]] = {"audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}


def rate_of(shape: dict[str, Any]) -> int:
    """Samples a second in this format."""
    return int(shape.get("rate", 8000))


class InputAudio:
    """The input audio buffer of one session."""

    def __init__(self, hear: Callable[[bytes], None], later: Callable[[float, Callable[[], None]], object]) -> None:
        """`hear` takes sound at `LINE_RATE`, signed 16-bit; `later` calls after so many seconds."""
        self._hear, self._later = hear, later
        self._shape: dict[str, Any] = {}
        self._codec: Literal["g711_ulaw", "g711_alaw"] | None = None
        self._bytes_per_second = LINE_RATE * SAMPLE_BYTES
        self._manual = False
        self._straight = False  # sound is heard as it comes, in the call's own format
        self._resampler: InputResampler | None = None
        self._waiting = bytearray()  # of a burst, at `LINE_RATE`
        self._timer = False
        self._collected = bytearray()  # at `STT_RATE`, where the client ends turns by hand
        self.seconds = 0.0  # that were appended so far
        self.apart = 0.0  # seconds that were collected so far: the ear's clock knows nothing of them

    def configure(self, shape: dict[str, Any], *, manual: bool) -> None:
        """How sound comes from now on. `manual`: the client ends turns, and nobody listens for them."""
        if shape != self._shape or manual != self._manual or self._resampler is None:
            self._resampler = InputResampler(rate_of(shape), STT_RATE if manual else LINE_RATE)
        self._shape, self._manual = shape, manual
        self._codec = CODECS.get(shape["type"])
        self._bytes_per_second = rate_of(shape) * (SAMPLE_BYTES if self._codec is None else 1)
        self._straight = not manual and self._codec is None and rate_of(shape) == LINE_RATE

    @property
    def collected(self) -> float:
        """Seconds of sound that wait to be committed by hand."""
        return len(self._collected) / SAMPLE_BYTES / STT_RATE

    def append(self, payload: bytes) -> None:
        """The caller's next sound, in the session's format. Raises `RealtimeError`."""
        size = len(payload)
        if self._straight and 0 < size <= STEP and not size % SAMPLE_BYTES and not self._waiting:
            self.seconds += size / self._bytes_per_second  # as nearly all sound is: this is done for every frame
            self._hear(payload)
        else:
            self._append(payload)

    def _append(self, payload: bytes) -> None:
        """What is not the usual."""
        codec = self._codec
        if codec is None and len(payload) % SAMPLE_BYTES:
            raise RealtimeError("invalid_value", "audio is not a whole number of 16-bit samples.", "audio")
        if len(payload) > AT_ONCE:
            wrong = f"audio has {len(payload)} bytes; send at most {AT_ONCE} in one event."
            raise RealtimeError("invalid_value", wrong, "audio")
        if len(self._waiting) + len(self._collected) > MOST:
            raise RealtimeError("input_audio_buffer_full", "Too much sound waits; commit or clear it.", "audio")
        if self._resampler is None or not payload:
            return
        pcm = self._resampler.feed(payload if codec is None else g711.decode(payload, codec))
        self.seconds += len(payload) / self._bytes_per_second
        if self._manual:
            self._collected += pcm
            self.apart += len(pcm) / SAMPLE_BYTES / STT_RATE
        elif not self._waiting and len(pcm) <= STEP:
            self._hear(pcm)
        else:
            self._waiting += pcm
            self._go_on()

    def take(self) -> Utterance:
        """What was collected, as a turn. Raises `RealtimeError` where that is too little."""
        seconds = self.collected
        if seconds < SHORTEST:
            raise too_short(seconds)
        pcm = bytes(self._collected)
        self._collected.clear()
        return Utterance(pcm, self.apart - seconds, seconds)

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._collected.clear()

    def _go_on(self) -> None:
        if self._waiting and not self._timer:
            self._timer = True
            self._later(STEP_PAUSE, self._step)

    def _step(self) -> None:
        self._timer = False
        step = bytes(self._waiting[:STEP])
        del self._waiting[:STEP]
        if step:
            self._hear(step)
        self._go_on()


class OutputAudio:
    """The sound of one response, from the call's format to the client's."""

    def __init__(self, shape: dict[str, Any]) -> None:
        rate = rate_of(shape)
        self._resampler = None if rate == LINE_RATE else InputResampler(LINE_RATE, rate)
        self._codec = CODECS.get(shape["type"])

    def converted(self, pcm: bytes) -> bytes:
        """Sound at `LINE_RATE` in the client's format."""
        if self._resampler is not None:
            pcm = self._resampler.feed(pcm)
        return pcm if self._codec is None else g711.encode(pcm, self._codec)


def too_short(seconds: float) -> RealtimeError:
    """There is nothing to commit."""
    return RealtimeError(
        "input_audio_buffer_commit_empty",
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has "
        f"{seconds * 1000:.2f}ms of audio.",
    )
