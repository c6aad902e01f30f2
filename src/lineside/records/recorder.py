"""A call's sound as it was: the caller on the left, on the right exactly what the agent's sound was to the caller.

The clock is the caller's samples. The agent's sound stands where the caller's stood when it was sent, or right after
what was sent before and was still to be played; what was taken back is taken off again. Both are kept as they came over
the line, and decoded in the thread of `recording_writer`. Nothing here waits, and little computes.

A turn's sound stays in memory until its words are known: where a card number was said that nobody asked for, silence is
kept in its place, and the number was never on the disk.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from lineside.audio.frame import SAMPLE_BYTES
from lineside.protocol import Codec, EndReason, ServerMessage
from lineside.transports.base import Transport, TransportListener
from lineside.transports.passing_listener import PassingListener

UNSETTLED = 2.0  # seconds of sound that may still be taken back: what is sent ahead of the ear, and a late caller's
HELD = 20.0  # seconds of sound that wait for the words of a turn; what is older is kept as it is
AROUND = 0.5  # seconds before and behind a turn that are its own, too: speech is noticed late, and fades
EVERY = 1.0  # seconds of sound that are handed on at a time
QUIET: dict[Codec, bytes] = {"pcm": b"\0", "g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}  # ITU-T G.711, tables 1a and 2a


class RecordedStretch(Struct, frozen=True):
    """A stretch of both voices, of one length, in the line's codec."""

    caller: bytes
    agent: bytes


class Recorder:
    """The two tracks of one call. `give` gets every stretch of it, in order, when it can change no more."""

    def __init__(
        self,
        codec: Codec,
        rate: int,
        give: Callable[[RecordedStretch], None],
        *,
        unsettled: float = UNSETTLED,
        every: float = EVERY,
    ) -> None:
        """`unsettled` and `every` are seconds: see the constants."""
        self._give, self._quiet = give, QUIET[codec]
        self._size = SAMPLE_BYTES if codec == "pcm" else 1
        self._second = rate * self._size
        self._caller, self._agent = bytearray(), bytearray()  # from the same sample on; some seconds at most
        self._unsettled, self._every = int(unsettled * rate) * self._size, int(every * rate) * self._size
        self._held, self._given = round(HELD * rate) * self._size, 0  # `_given`: bytes of a track that were handed on
        self._held_from: float | None = None
        self.muted = False  # the caller says or keys a secret: silence is kept in its place
        self._ends = 0.0  # on the clock: when the agent's sound so far will have been played

    def caller(self, payload: bytes) -> None:
        """The caller's next sound."""
        self._caller += payload if not self.muted else self._quiet * (len(payload) // len(self._quiet))
        if len(self._caller) < self._unsettled + self._every:
            return
        if (settled := self._settled(self._caller)) >= self._every:
            self._hand_on(settled)

    def agent(self, payload: bytes, now: float) -> None:
        """Sound for the caller, at this moment of the line's clock."""
        self._agent += self._quiet * (len(self._caller) - len(self._agent))
        self._agent += payload
        self._ends = max(self._ends, now) + len(payload) / self._second
        if len(self._agent) - len(self._caller) >= 4 * self._unsettled:  # the caller's own sound stays away
            self._hand_on(max(self._settled(self._agent), 0))  # what was played is settled

    def taken_back(self, now: float) -> None:
        """What had not been played at this moment never was."""
        unplayed = round(max(0.0, self._ends - now) * self._second / self._size) * self._size
        del self._agent[max(0, len(self._agent) - unplayed) :]
        self._ends = min(self._ends, now)

    def hold_from(self, at: float | None) -> None:
        """The words that begin at this second of the caller's sound are not known yet; None: all are."""
        self._held_from = at

    def hide(self, begin: float, end: float) -> None:
        """Keep silence in place of what the caller said between these seconds, as far as it is not handed on."""
        first, last = self._place(begin - AROUND), min(self._place(end + AROUND), len(self._caller))
        self._caller[first:last] = self._quiet * (max(last - first, 0) // len(self._quiet))

    def end(self, now: float) -> None:
        """The call is over."""
        self.taken_back(now)
        if size := max(len(self._caller), len(self._agent)):
            self._hand_on(size)

    def _place(self, at: float) -> int:
        """Where this second of the call begins in what is still here."""
        return max(round(at * self._second / self._size) * self._size - self._given, 0)

    def _settled(self, track: bytearray) -> int:
        """How much from the beginning on can change no more, and need not wait for words."""
        settled = len(track) - self._unsettled
        if self._held_from is None:
            return settled
        return min(settled, max(self._place(self._held_from - AROUND), len(track) - self._held))

    def _hand_on(self, size: int) -> None:
        stretch = RecordedStretch(
            *(bytes(track[:size]).ljust(size, self._quiet) for track in (self._caller, self._agent))
        )
        del self._caller[:size], self._agent[:size]
        self._given += size
        self._give(stretch)


class RecordedTransport:
    """A line whose sound is kept, both ways."""

    def __init__(self, transport: Transport, recorder: Recorder) -> None:
        self.codec: Codec = transport.codec
        self.rate = transport.rate
        self._transport, self._recorder = transport, recorder
        self._clock = asyncio.get_running_loop().time

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        return await self._transport.run(_RecordingListener(listener, self._recorder))

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._recorder.agent(payload, self._clock())
        self._transport.send(payload)

    def clear(self) -> float | None:
        """See `Transport`."""
        self._recorder.taken_back(self._clock())
        return self._transport.clear()

    def mark(self, name: str) -> bool:
        """See `Transport`."""
        return self._transport.mark(name)

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self._transport.on_event(event)


class _RecordingListener(PassingListener):
    """Keeps the caller's sound before the call hears it."""

    __slots__ = ("_recorder",)

    def __init__(self, listener: TransportListener, recorder: Recorder) -> None:
        super().__init__(listener)
        self._recorder = recorder

    def on_audio(self, payload: bytes) -> None:
        self._recorder.caller(payload)
        self.listener.on_audio(payload)
