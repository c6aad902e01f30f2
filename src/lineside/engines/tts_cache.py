"""A voice that remembers: what it has said once it need not synthesise again, and what it is saying now, for anyone.

The greeting and the phrases for bad moments ("I'm sorry, …") are kept from the start, so that they can be said when
the voice itself has died. Calls that want the same sentence while it is being synthesised share one synthesis: all of
them hear the same sound from its first sample. It goes on while anybody listens, and only what came to its end is
remembered: one that failed or was broken off is asked for anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from lineside.audio.frame import SpokenAudio
from lineside.engines.answered import model_of
from lineside.engines.protocols import TextToSpeech

MAX_RECENT = 256  # sentences; the one not said for longest is forgotten …
MAX_RECENT_BYTES = 32 << 20  # … and so it is when all of them have more sound than that: twelve minutes at 22 kHz
MAX_SECONDS = 15.0  # seconds; longer ones are not worth their memory
MAX_KEPT = 256  # sentences of the agent's lines that are known by heart; changed lines push out the oldest
MAX_PINNED = 64  # phrases for bad moments, which nothing pushes out; there are some ten in a language

Which = tuple[str, str]  # voice and sentence


class CachedTTS:
    """Any voice, with a memory."""

    def __init__(self, tts: TextToSpeech) -> None:
        self._tts = tts
        self.info = tts.info
        self._usual = tts.info.choices[0] if tts.info.choices else ""
        self._pinned: dict[Which, tuple[SpokenAudio, ...]] = {}
        self._kept: OrderedDict[Which, tuple[SpokenAudio, ...]] = OrderedDict()
        self._recent: OrderedDict[Which, tuple[SpokenAudio, ...]] = OrderedDict()
        self._bytes = 0  # of what was said
        self._running: dict[Which, _SharedSynthesis] = {}  # under way; as many as there are calls

    def resolved(self, choice: str) -> str:
        """See `ResolvesChoice`."""
        return model_of(self._tts, choice)

    async def keep(self, sentence: str, voice: str = "", *, pinned: bool = False) -> None:
        """Synthesise it now, and know it by heart; for good where `pinned`. Raises what the voice raises."""
        which = (voice or self._usual, sentence)
        if which in self._pinned:
            return
        if pinned and len(self._pinned) < MAX_PINNED:
            sounds = self._kept.pop(which, ()) or tuple([sound async for sound in self.speak(sentence, voice)])
            self._forget(which)
            if _size(sounds):
                self._pinned[which] = sounds
            return
        if which in self._kept:
            self._kept.move_to_end(which)
            return
        sounds = tuple([sound async for sound in self.speak(sentence, voice)])
        self._forget(which)
        if _size(sounds):
            self._kept[which] = sounds
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    @property
    def uncached(self) -> TextToSpeech:
        """The voice itself."""
        return self._tts

    def remembers(self, sentence: str, voice: str) -> bool:
        """Whether it can say this without being asked to synthesise anything."""
        return self._known((voice or self._usual, sentence)) is not None

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        which = (voice or self._usual, sentence)
        known = self._known(which)
        if known is not None:
            if which in self._recent:
                self._recent.move_to_end(which)
            for sound in known:
                yield sound
            return
        synthesis = self._running.get(which)
        if synthesis is None:
            synthesis = self._running[which] = _SharedSynthesis(self._tts.speak(sentence, voice))
        synthesis.listeners += 1
        try:
            async with aclosing(synthesis.sounds()) as sounds:
                async for sound in sounds:
                    yield sound
        except Exception:
            self._over(which, synthesis)  # whoever asks again begins another one
            raise
        else:
            if self._over(which, synthesis):
                self._remember(which, tuple(synthesis.made))
        finally:
            synthesis.listeners -= 1
            if not synthesis.listeners:
                self._over(which, synthesis)
                await synthesis.stop()

    def _known(self, which: Which) -> tuple[SpokenAudio, ...] | None:
        return self._pinned.get(which) or self._kept.get(which) or self._recent.get(which)

    def _over(self, which: Which, synthesis: "_SharedSynthesis") -> bool:
        """Nobody joins it any more. Whether this is the first to say so."""
        if self._running.get(which) is not synthesis:
            return False
        del self._running[which]
        return True

    def _remember(self, which: Which, sounds: tuple[SpokenAudio, ...]) -> None:
        size = _size(sounds)
        if not size or sum(sound.seconds for sound in sounds) > MAX_SECONDS:
            return  # a voice that had nothing to say is asked again
        self._forget(which)
        self._recent[which], self._bytes = sounds, self._bytes + size
        while len(self._recent) > MAX_RECENT or self._bytes > MAX_RECENT_BYTES:
            self._forget(next(iter(self._recent)))

    def _forget(self, which: Which) -> None:
        self._bytes -= _size(self._recent.pop(which, ()))


class _SharedSynthesis:
    """One synthesis under way, for all who want this sentence now. As long as one sentence, which its engine bounds."""

    def __init__(self, stream: AsyncGenerator[SpokenAudio, None]) -> None:
        self.made: list[SpokenAudio] = []
        self.listeners = 0  # the last one to leave stops it
        self._news = asyncio.Event()
        self._making = asyncio.create_task(self._make(stream), name="synthesis")
        self._making.add_done_callback(lambda making: self._tell())

    async def sounds(self) -> AsyncGenerator[SpokenAudio, None]:
        """All of it from its beginning, as it is made. Raises what the voice raises."""
        at = 0
        while True:
            news = self._news
            while at < len(self.made):
                at += 1
                yield self.made[at - 1]
            if news is not self._news:
                continue
            if self._making.done():
                break
            await news.wait()
        self._making.result()

    async def stop(self) -> None:
        """Nobody wants it any more; its stream is closed when this returns."""
        if not self._making.done():
            self._making.cancel()
            await asyncio.wait([self._making])
        if not self._making.cancelled():
            self._making.exception()  # seen: those who were to hear of it have left

    async def _make(self, stream: AsyncGenerator[SpokenAudio, None]) -> None:
        async with aclosing(stream):
            async for sound in stream:
                self.made.append(sound)
                self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _size(sounds: tuple[SpokenAudio, ...]) -> int:
    return sum(len(sound.pcm) for sound in sounds)
