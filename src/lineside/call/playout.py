"""Playout: the agent's sound out, at the pace it is heard, and the ledger of what the caller really heard."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import SAMPLE_BYTES, SpokenAudio
from lineside.audio.output_resampler import WordResampler
from lineside.call.playout_marks import MARK_EVERY, USUAL_PACING, PlayoutMarks, PlayoutPacing
from lineside.transports.base import Transport

HELD_MOST = 1.5  # seconds that sound is held for a decision; then it goes on by itself
SLICE = 0.2  # seconds converted and sent at one waking: twice as much costs half as much


class PlayoutLedger:
    """Which words reached the caller, and when. Pure: time is handed in.

    Sound that is sent plays after what was sent before it, or at once if all of that has been played; a word is heard
    when the sample it ends at has been played. Lines without playout marks are taken to play what they are sent; with
    marks, whoever asks hands in the moment up to which sound is known to have been played (`PlayoutMarks.position`).
    """

    def __init__(self) -> None:
        self._words: list[tuple[float, str]] = []
        self.ends = 0.0  # when all that was sent will have been played

    def sent(self, audio: SpokenAudio, now: float) -> float:
        """This sound went out; answer when it begins to play."""
        begins = max(self.ends, now)
        self._words += [(begins + at / audio.rate, word) for at, word in audio.words]
        self.ends = begins + audio.seconds
        return begins

    def delayed(self, seconds: float, now: float) -> tuple[float, float]:
        """The last `seconds` of what was sent begin to play only now, or after what plays still.

        Answers after which moment something was to end so that it is later now, and by how much.
        """
        boundary = self.ends - seconds
        by = max(0.0, max(now, boundary) - boundary)
        self._words = [(ends + by if ends > boundary else ends, word) for ends, word in self._words]
        self.ends += by
        return boundary, by

    def taken_back(self, now: float) -> None:
        """What has not been played will not be."""
        self._words = [(ends, word) for ends, word in self._words if ends <= now]
        self.ends = min(self.ends, now)

    def ahead(self, now: float) -> float:
        """Seconds sent but not played."""
        return max(0.0, self.ends - now)

    def heard(self, now: float) -> str:
        """The words that have been played."""
        return "".join(word for ends, word in self._words if ends <= now)


def ends_at(audio: SpokenAudio, sample: int, begins: float) -> float:
    """When a word that ends at this sample has been played, where the sound begins to play then."""
    return begins + sample / audio.rate


class Line(Protocol):
    """The caller's connection, which may be gone for a while."""

    remembers: float  # seconds after which sound that was sent can no longer turn out to have been lost

    def now(self) -> float:
        """Seconds; they stand still while the connection is gone."""
        ...

    @property
    def away(self) -> bool:
        """Whether there is no connection."""
        ...

    async def up(self) -> None:
        """Wait until there is a connection."""
        ...


class FarEnd(Protocol):
    """Whoever must know what the caller's loudspeaker plays. Times are on the clock; nothing here waits."""

    def played(self, pcm: bytes, rate: int, begins: float) -> None:
        """This sound, signed 16-bit, begins to play then."""
        ...

    def taken_back(self, now: float) -> None:
        """What was to play from now on does not."""
        ...


class _Sent(Struct, frozen=True):
    audio: SpokenAudio  # at the line's rate
    begins: float  # when it begins to play
    ends: float  # … and has been played


class Playout:
    """The sound of one reply on its way to the line. After `cut` nothing of it goes out any more."""

    def __init__(
        self,
        transport: Transport,
        line: Line,
        gap: Callable[[float], None],
        says: Callable[[list[tuple[str, float]]], None] = lambda words: None,
        far: FarEnd | None = None,
        marks: PlayoutMarks | None = None,
        pacing: PlayoutPacing = USUAL_PACING,
    ) -> None:
        """`gap` hears of seconds in which sound was due and not there; `says` of the words that go out, each with the
        second of this reply's sound in which it ends; `far` of the sound; `marks` are the call's. `pacing`: the line's.
        """
        self._transport, self._line, self._gap, self._says, self._far = transport, line, gap, says, far
        self._pacing = pacing
        self._marks, self._unmarked = marks or PlayoutMarks(lambda name: False), MARK_EVERY  # seconds without a mark
        self._samples = 0  # of this reply, at the line's rate; what is held and sent again counts once
        self._ledger = PlayoutLedger()
        self._converter: WordResampler | None = None
        self._sent: deque[_Sent] = deque()  # what may not have been played yet: about `LEAD`, and what a line may lose
        self._taken_back: list[SpokenAudio] | None = None  # sound taken back, to be sent again
        self._going = asyncio.Event()
        self._going.set()
        self._stopped: float | None = None

    async def play(self, audio: SpokenAudio) -> None:
        """Send it, a `SLICE` at a time, and wait while the caller's ear is too far behind, or the sound is held."""
        size, samples = max(1, round(SLICE * audio.rate)), audio.samples
        for begin in range(0, max(1, samples), size):
            if self._line.away or not self._going.is_set():
                await self._may()
            if self._stopped is not None:
                return  # late sound of a reply that has been cut
            self._convert(audio.between(begin, min(begin + size, samples)) if samples > size else audio)
            room = self._pacing.lead - self.ahead()
            if room < SLICE:
                await asyncio.sleep(SLICE - room)

    async def drain(self) -> None:
        """Wait until the last of it has been heard."""
        await self._may()
        self._flush()
        self._set_mark()
        while self._stopped is None:
            if (ahead := self.ahead()) > 0:
                await asyncio.sleep(ahead)
            elif self._marks.pending:
                await self._marks.some_back(self._line.now())
            else:
                return
            await self._may()

    def ahead(self) -> float:
        """Seconds of sound that the caller has yet to hear."""
        return self._ledger.ahead(self._line.now())

    @property
    def seconds(self) -> float:
        """Sound of this reply so far; what was held and sent again counts once."""
        return self._samples / self._transport.rate

    def pause(self) -> None:
        """Stop at this very sample, to go on from it: what the line has not played is taken back."""
        if self._taken_back is not None or self._stopped is not None:
            return
        now = self._line.now()
        self._going.clear()
        heard = self._clear(now) if self._pacing.takes_back else self._ledger.ends
        self._taken_back = [self._unplayed(sent, heard) for sent in self._sent if sent.ends > heard]
        self._sent.clear()
        self._ledger.taken_back(heard)
        if self._far is not None and self._pacing.takes_back:
            self._far.taken_back(now)

    def resume(self) -> None:
        """Send again what was taken back, and go on."""
        held, self._taken_back = self._taken_back, None
        if held is None or self._stopped is not None:
            return
        for audio in held:
            self._send(audio)
        self._set_mark()
        self._going.set()

    def cut(self) -> None:
        """Stop now: what the line has not played is forgotten."""
        if self._stopped is None:
            now = self._line.now()
            self._stopped = self._clear(now)
            self._going.set()
            if self._far is not None:
                self._far.taken_back(now)

    def delayed(self, seconds: float) -> None:
        """The last `seconds` that were sent had not reached the caller: they hear them from now on."""
        if self._stopped is not None:
            return
        now = self._line.now()
        boundary, by = self._ledger.delayed(seconds, now)
        later = [
            _Sent(sent.audio, sent.begins + by, sent.ends + by) if sent.ends > boundary else sent for sent in self._sent
        ]
        self._sent = deque(later)
        if self._far is not None and by:
            self._far.taken_back(now)
            for sent in later:
                if sent.ends > now and sent.audio.pcm:
                    self._far.played(sent.audio.pcm, sent.audio.rate, sent.begins)

    def heard(self) -> str:
        """The words that have reached the caller."""
        return self._ledger.heard(self._marks.position(self._line.now()) if self._stopped is None else self._stopped)

    def _clear(self, now: float) -> float:
        """Have the line forget what it has not played; the moment up to which sound was heard."""
        position = self._marks.position(now)
        self._marks.cleared()
        unheard = self._transport.clear()
        self._unmarked = MARK_EVERY  # the next sound has a mark before it
        return position if unheard is None else min(now, self._ledger.ends - unheard)

    def _set_mark(self) -> None:
        if self._sent:
            self._marks.set(self._ledger.ends)
            self._unmarked = 0.0

    async def _may(self) -> None:
        """Wait while the sound is held, at most as long as a hold may last, and while the connection is gone."""
        await self._line.up()
        if self._going.is_set():
            return
        try:
            async with asyncio.timeout(HELD_MOST):
                await self._going.wait()
        except TimeoutError:
            self.resume()
        await self._line.up()

    def _unplayed(self, sent: _Sent, now: float) -> SpokenAudio:
        """What of it has not been played, with the words that have not been heard (by the ledger's own reckoning)."""
        audio, rate = sent.audio, self._transport.rate
        left = min(audio.samples, max(0, round((sent.ends - now) * rate)))
        played = audio.samples - left
        words = [(at, word) for at, word in audio.words if ends_at(audio, at, sent.begins) > now]
        pcm = audio.pcm[played * SAMPLE_BYTES :]
        return SpokenAudio(pcm, rate, tuple((max(0, at - played), word) for at, word in words))

    def _convert(self, audio: SpokenAudio) -> None:
        """Send what of it comes out of the filter, with the words that end in that."""
        if audio.pcm and (self._converter is None or audio.rate != self._converter.from_rate):
            self._flush()
            self._converter = WordResampler(audio.rate, self._transport.rate)
        if self._converter is not None:
            audio = self._converter.feed(audio)
        self._send_new(SpokenAudio(audio.pcm, self._transport.rate, audio.words))

    def _flush(self) -> None:
        if self._converter is not None and self._stopped is None:
            self._send_new(self._converter.end())
        self._converter = None

    def _send_new(self, audio: SpokenAudio) -> None:
        self._send(audio)
        if audio.words:
            self._says([(word, (self._samples + at) / self._transport.rate) for at, word in audio.words])
        self._samples += audio.samples

    def _send(self, audio: SpokenAudio) -> None:
        """Send sound of the line's rate."""
        now = self._line.now()
        if audio.pcm and self._sent and now > self._ledger.ends:
            self._gap(now - self._ledger.ends)
        heard = self._marks.position(now) - self._line.remembers
        while self._sent and self._sent[0].ends <= heard:
            self._sent.popleft()
        begins = self._ledger.sent(audio, now)
        if audio.pcm or audio.words:
            self._sent.append(_Sent(audio, begins, self._ledger.ends))
        if not audio.pcm:
            return
        if self._far is not None:
            self._far.played(audio.pcm, audio.rate, begins)
        if self._unmarked >= MARK_EVERY:
            self._marks.set(begins)
            self._unmarked = 0.0
        self._unmarked += audio.seconds
        self._transport.send(
            audio.pcm if self._transport.codec == "pcm" else g711.encode(audio.pcm, self._transport.codec)
        )
