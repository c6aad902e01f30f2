"""A scripted line: a caller made of tones, silences and keys, on the loop's own clock. For tests and load."""

import asyncio
import math
from array import array
from collections.abc import Callable, Sequence

from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES
from lineside.protocol import ClientMessage, Codec, EndReason, ServerMessage
from lineside.transports.base import TransportListener


class CallerSpeaks(Struct, frozen=True):
    """The caller makes a sound that a loudness detector takes for speech."""

    seconds: float


class CallerSilent(Struct, frozen=True):
    """The caller says nothing."""

    seconds: float


class CallerStalls(Struct, frozen=True):
    """The caller's program sends nothing, and the line stays up."""

    seconds: float


class CallerHolds(Struct, frozen=True):
    """The caller puts the call on hold, or is back."""

    held: bool


class CallerSends(Struct, frozen=True):
    """The caller types, presses keys or hangs up."""

    message: ClientMessage


Doing = CallerSpeaks | CallerSilent | CallerStalls | CallerHolds | CallerSends


class ScriptedTransport:
    """Sends what its script says, twenty milliseconds at a time, and keeps what came back with its time."""

    def __init__(self, script: Sequence[Doing], *, codec: Codec = "pcm", rate: int = 16_000) -> None:
        self.codec: Codec = codec
        self.rate = rate
        self._script = list(script)
        self.events: list[ServerMessage] = []
        self.sent: list[tuple[float, bytes]] = []
        self.cleared: list[float] = []
        self.played = bytearray()  # what a player without a buffer of its own has played, or will
        self._ends = 0.0  # when it will have played all of that
        self.now: Callable[[], float] = lambda: asyncio.get_running_loop().time()

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`. The caller is gone when the script is over."""
        loud, quiet = self._frames()
        loop = asyncio.get_running_loop()
        due = loop.time()
        for doing in self._script:
            if isinstance(doing, CallerSends):
                listener.on_message(doing.message)
                continue
            if isinstance(doing, CallerHolds):
                listener.on_hold(doing.held)
                continue
            if isinstance(doing, CallerStalls):
                due += doing.seconds
                await asyncio.sleep(max(0.0, due - loop.time()))
                continue
            for _ in range(round(doing.seconds / FRAME_SECONDS)):
                self.deliver(loud if isinstance(doing, CallerSpeaks) else quiet, listener)
                due += FRAME_SECONDS  # by deadline, so that a late frame does not make all later ones late
                await asyncio.sleep(max(0.0, due - loop.time()))
        return "caller_hung_up"

    def deliver(self, payload: bytes, listener: TransportListener) -> None:
        """Hand the caller's next frame to the call; a test of a bad network overrides this."""
        listener.on_audio(payload)

    def probe(self, answered: Callable[[], None]) -> None:
        """See `ProbedTransport`: nothing is ever under way."""
        answered()

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self.sent.append((self.now(), payload))
        self.played += payload
        self._ends = max(self._ends, self.now()) + self._seconds(len(payload))

    def clear(self) -> float | None:
        """See `Transport`."""
        self.cleared.append(self.now())
        unplayed = round(max(0.0, self._ends - self.now()) * self.rate) * self._bytes
        del self.played[len(self.played) - unplayed :]
        self._ends = min(self._ends, self.now())
        return None

    def mark(self, name: str) -> bool:
        """See `Transport`: this line has no marks, as a browser has none."""
        return False

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self.events.append(event)

    @property
    def _bytes(self) -> int:
        return SAMPLE_BYTES if self.codec == "pcm" else 1

    def _seconds(self, size: int) -> float:
        return size / self._bytes / self.rate

    def _frames(self) -> tuple[bytes, bytes]:
        samples = round(self.rate * FRAME_SECONDS)
        tone = array("h", (round(9000 * math.sin(2 * math.pi * 300 * n / self.rate)) for n in range(samples)))
        loud, quiet = tone.tobytes(), bytes(2 * samples)
        if self.codec == "pcm":
            return loud, quiet
        return g711.encode(loud, self.codec), g711.encode(quiet, self.codec)
