"""Playout: the agent's sound out, at the pace it is heard, and the ledger of what the caller really heard."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Protocol

from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import SAMPLE_BYTES, Sound
from lineside.audio.output_resampler import OutputResampler
from lineside.transports.base import Transport

LEAD = 0.7  # seconds sent ahead of the caller's ear, under the second that is promised: enough to ride out a stall
HELD_MOST = 1.5  # seconds that sound is held for a decision; then it goes on by itself
SLICE = 0.2  # seconds converted and sent at one waking: twice as much costs half as much


class PlayoutLedger:
    """Which words reached the caller, and when. Pure: time is handed in.

    Sound that is sent plays after what was sent before it, or at once if all of that has been played; a word is heard
    when the frame it ends in has been played. Lines without playout marks are taken to play what they are sent.
    """

    def __init__(self) -> None:
        self._words: list[tuple[float, str]] = []
        self.ends = 0.0  # when all that was sent will have been played

    def sent(self, seconds: float, says: str, now: float) -> None:
        """So much sound went out, and these words end in it."""
        self.ends = max(self.ends, now) + seconds
        if says:
            self._words.append((self.ends, says))

    def taken_back(self, now: float) -> None:
        """What has not been played will not be."""
        self._words = [(ends, says) for ends, says in self._words if ends <= now]
        self.ends = min(self.ends, now)

    def ahead(self, now: float) -> float:
        """Seconds sent but not played."""
        return max(0.0, self.ends - now)

    def heard(self, now: float) -> str:
        """The words that have been played."""
        return "".join(says for ends, says in self._words if ends <= now)


class FarEnd(Protocol):
    """Whoever must know what the caller's loudspeaker plays. Times are on the clock; nothing here waits."""

    def played(self, pcm: bytes, rate: int, begins: float) -> None:
        """This sound, signed 16-bit, begins to play then."""
        ...

    def taken_back(self, now: float) -> None:
        """What was to play from now on does not."""
        ...


class _Sent(Struct, frozen=True):
    pcm: bytes  # at the line's rate
    says: str
    ends: float  # when it will have been played


class Playout:
    """The sound of one reply on its way to the line. After `cut` nothing of it goes out any more."""

    def __init__(
        self,
        line: Transport,
        clock: Callable[[], float],
        gap: Callable[[float], None],
        says: Callable[[str, float], None] = lambda words, ends: None,
        far: FarEnd | None = None,
    ) -> None:
        """`gap` hears of every stretch in which sound of this reply was due and not there, in seconds; `says` of all
        words that go out, with the second of this reply's sound in which they end; `far` of the sound itself.
        """
        self._line, self._clock, self._gap, self._says, self._far = line, clock, gap, says, far
        self._samples = 0  # of this reply, at the line's rate; what is held and sent again counts once
        self._ledger = PlayoutLedger()
        self._converter: OutputResampler | None = None
        self._rate = 0
        self._sent: deque[_Sent] = deque()  # what may not have been played yet: about `LEAD` of it
        self._held: list[tuple[bytes, str]] | None = None  # sound taken back, to be sent again
        self._going = asyncio.Event()
        self._going.set()
        self._stopped: float | None = None

    async def play(self, sounds: Sequence[Sound]) -> None:
        """Send them, in a row, and wait while the caller's ear is too far behind, or the sound is held."""
        await self._may()
        if self._stopped is not None:
            return  # a late chunk of a reply that has been cut
        for rate, some in groupby(sounds, key=lambda sound: sound.frame.rate):
            self._convert(rate, list(some))
        room = LEAD - self.ahead()
        if room < SLICE:
            await asyncio.sleep(SLICE - room)

    async def drain(self) -> None:
        """Wait until the last of it has been heard."""
        await self._may()
        self._flush()
        while (ahead := self.ahead()) > 0:
            await asyncio.sleep(ahead)
            await self._may()

    def ahead(self) -> float:
        """Seconds of sound that the caller has yet to hear."""
        return self._ledger.ahead(self._clock())

    @property
    def seconds(self) -> float:
        """Sound of this reply so far; what was held and sent again counts once."""
        return self._samples / self._line.rate

    def hold(self) -> None:
        """Stop at this very sample, to go on from it: what the line has not played is taken back."""
        if self._held is not None or self._stopped is not None:
            return
        now = self._clock()
        self._going.clear()
        self._line.clear()
        self._held = [(self._rest(sent, now), sent.says) for sent in self._sent if sent.ends > now]
        self._sent.clear()
        self._ledger.taken_back(now)
        if self._far is not None:
            self._far.taken_back(now)

    def go_on(self) -> None:
        """Send again what was taken back, and go on."""
        held, self._held = self._held, None
        if held is None or self._stopped is not None:
            return
        self._send(held)
        self._going.set()

    def cut(self) -> None:
        """Stop now: what the line has not played is forgotten."""
        if self._stopped is None:
            self._stopped = self._clock()
            self._line.clear()
            self._going.set()
            if self._far is not None:
                self._far.taken_back(self._stopped)

    def heard(self) -> str:
        """The words that have reached the caller."""
        return self._ledger.heard(self._clock() if self._stopped is None else self._stopped)

    async def _may(self) -> None:
        """Wait while the sound is held; not for longer than a hold may last, whoever forgot it."""
        if self._going.is_set():
            return
        try:
            async with asyncio.timeout(HELD_MOST):
                await self._going.wait()
        except TimeoutError:
            self.go_on()

    def _rest(self, sent: _Sent, now: float) -> bytes:
        """The samples of it that have not been played."""
        left = round((sent.ends - now) * self._line.rate) * SAMPLE_BYTES
        return sent.pcm[-left:] if left < len(sent.pcm) else sent.pcm

    def _convert(self, rate: int, sounds: Sequence[Sound]) -> None:
        """Send sounds of one rate; a sound's words end where its share of what comes out of the filter does."""
        pcm = b"".join([sound.frame.pcm for sound in sounds])
        out = b""
        if pcm:
            if self._converter is None or rate != self._rate:
                self._flush()
                self._converter, self._rate = OutputResampler(rate, self._line.rate), rate
            out = self._converter.feed(pcm)
        parts: list[tuple[bytes, str]] = []
        begin, taken, samples = 0, 0, len(out) // SAMPLE_BYTES
        for sound in sounds:
            taken += len(sound.frame.pcm)
            if sound.says:
                end = samples * taken // len(pcm) * SAMPLE_BYTES if pcm else 0
                parts.append((out[begin:end], sound.says))
                begin = end
        if begin < len(out):
            parts.append((out[begin:], ""))
        self._send(parts)
        for part, says in parts:
            self._samples += len(part) // SAMPLE_BYTES
            if says:
                self._says(says, self._samples / self._line.rate)

    def _flush(self) -> None:
        if self._converter is not None and self._stopped is None:
            pcm = self._converter.end()
            self._samples += len(pcm) // SAMPLE_BYTES
            self._send([(pcm, "")])
        self._converter, self._rate = None, 0

    def _send(self, parts: Sequence[tuple[bytes, str]]) -> None:
        """Sound at the line's rate, with the words that end in each part of it."""
        now, pcm = self._clock(), b"".join([part for part, _ in parts])
        if pcm and self._sent and now > self._ledger.ends:
            self._gap(now - self._ledger.ends)
        if pcm and self._far is not None:
            self._far.played(pcm, self._line.rate, max(now, self._ledger.ends))
        while self._sent and self._sent[0].ends <= now:
            self._sent.popleft()
        for part, says in parts:
            self._ledger.sent(len(part) / SAMPLE_BYTES / self._line.rate, says, now)
            if part or says:
                self._sent.append(_Sent(part, says, self._ledger.ends))
        if pcm:
            self._line.send(pcm if self._line.codec == "pcm" else g711.encode(pcm, self._line.codec))
