"""A voice that remembers: what it has said once it need not synthesise again.

The greeting and the phrases for bad moments ("I'm sorry, …") are kept from the start, so that they can be said when
the voice itself has died.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from lineside.audio.frame import Sound
from lineside.engines.protocols import TextToSpeech

REMEMBERED = 256  # sentences; the one not said for longest is forgotten
LONGEST = 15.0  # seconds; longer ones are not worth their memory (256 such would be 170 MB; ordinary ones are 20)


class RememberingVoice:
    """Any voice, with a memory."""

    def __init__(self, voice: TextToSpeech) -> None:
        self._voice = voice
        self.choices: tuple[str, ...] = getattr(voice, "choices", ())
        self._usual = self.choices[0] if self.choices else ""
        self._kept: dict[tuple[str, str], tuple[Sound, ...]] = {}
        self._said: OrderedDict[tuple[str, str], tuple[Sound, ...]] = OrderedDict()

    async def keep(self, sentence: str, voice: str = "") -> None:
        """Synthesise it now and never forget it. Raises what the voice raises."""
        which = (voice or self._usual, sentence)
        if which not in self._kept:
            self._kept[which] = tuple([sound async for sound in self._voice.speak(sentence, voice)])

    def remembers(self, sentence: str, voice: str) -> bool:
        """Whether it can say this without being asked to synthesise anything."""
        which = (voice or self._usual, sentence)
        return which in self._kept or which in self._said

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """See `TextToSpeech`."""
        which = (voice or self._usual, sentence)
        known = self._kept.get(which) or self._said.get(which)
        if known is not None:
            if which in self._said:
                self._said.move_to_end(which)
            for sound in known:
                yield sound
            return
        sounds: list[Sound] = []
        async with aclosing(self._voice.speak(sentence, voice)) as stream:
            async for sound in stream:
                sounds.append(sound)
                yield sound
        if sum(sound.frame.seconds for sound in sounds) <= LONGEST:  # reached only when it was said to its end
            self._said[which] = tuple(sounds)
            if len(self._said) > REMEMBERED:
                self._said.popitem(last=False)
