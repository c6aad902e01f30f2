"""The line of a replay: the caller's side of a recording, frame by frame, on the loop's own clock."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from lineside.audio import g711
from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES
from lineside.errors import LinesideError
from lineside.protocol import Codec, EndReason, ReplyMetrics, ServerMessage, TurnStarted
from lineside.transports.base import TransportListener

AFTERWARDS = 20.0  # seconds of silence at most after the last sample, for the last answer to be heard


class ReplayTransport:
    """A caller who says what a kept one said, when they said it, and then waits for the last answer."""

    def __init__(self, path: Path, codec: Codec, rate: int) -> None:
        """Raises `LinesideError` when the recording cannot be read."""
        self.codec: Codec = codec
        self.rate = rate
        self._frames = _frames(path, rate)
        self._next = next(self._frames, None)  # so that a file that is none is told of before anything is started
        self._open: set[int] = set()  # turns that have no answer yet
        self.seconds = 0.0  # of the caller's sound so far

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self._next is not None:
            self._speak(listener, self._next)
            self._next = next(self._frames, None)
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))
        quiet = bytes(round(self.rate * FRAME_SECONDS) * SAMPLE_BYTES)
        ends = self.seconds + AFTERWARDS
        while self._open and self.seconds < ends:
            self._speak(listener, quiet)
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))
        return "caller_hung_up"

    def send(self, payload: bytes) -> None:
        """See `Transport`: nobody listens."""

    def clear(self) -> float | None:
        """See `Transport`."""
        return None

    def mark(self, name: str) -> bool:
        """See `Transport`."""
        return False

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        if isinstance(event, TurnStarted):
            self._open.add(event.turn)
        elif isinstance(event, ReplyMetrics):
            self._open = {turn for turn in self._open if turn > event.turn}

    def _speak(self, listener: TransportListener, pcm: bytes) -> None:
        listener.on_audio(pcm if self.codec == "pcm" else g711.encode(pcm, self.codec))
        self.seconds += len(pcm) / SAMPLE_BYTES / self.rate


def _frames(path: Path, rate: int) -> Iterator[bytes]:
    """The left side, twenty milliseconds at a time; signed 16-bit."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as sound:
            if (sound.samplerate, sound.channels) != (rate, 2):
                raise LinesideError(
                    f"{path} is no recording of this call: {sound.samplerate} Hz, {sound.channels} sides"
                )
            for block in sound.blocks(round(rate * FRAME_SECONDS), dtype="int16", always_2d=True):
                yield block[:, 0].tobytes()
    except (OSError, RuntimeError) as why:  # libsndfile's faults are of the second kind
        raise LinesideError(f"the recording {path} cannot be read: {why}") from why
