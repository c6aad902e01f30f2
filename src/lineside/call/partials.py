"""What the caller is saying, told while they still speak: only the words that two hearings in a row agree on.

Local agreement (Liu, Niehues and others, "Low-latency sequence-to-sequence speech recognition", Interspeech 2020): the
recogniser hears the turn so far again and again; the beginning that comes out the same twice hardly changes later.
Each hearing costs as much as the one at the turn's end, so it is off unless somebody asks for it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable

from lineside.audio.frame import Utterance
from lineside.engines.protocols import Transcription
from lineside.engines.timeouts import answer_within
from lineside.errors import EngineError

HEARD_WITHIN = 3.0  # seconds for one hearing; a recogniser that is slower has no time for this


class StableWords:
    """The stable beginning of a turn's words. It only grows."""

    def __init__(self) -> None:
        self._before: list[str] = []
        self._told: list[str] = []

    def feed(self, text: str) -> str:
        """The words so far are these; answer what is stable now if that is more than before, else nothing."""
        words, many = text.split(), 0
        for one, other in zip(self._before, words, strict=False):
            if _plain(one) != _plain(other):
                break
            many += 1
        self._before = words
        if many <= len(self._told):
            return ""
        self._told = [*self._told, *words[len(self._told) : many]]
        return " ".join(self._told)


async def listen_along(
    every: float,
    sound: Callable[[], Utterance | None],
    hear: Callable[[Utterance], Awaitable[Transcription]],
    tell: Callable[[str], None],
) -> None:
    """Hear the turn so far every so many seconds until cancelled, one hearing at a time.

    `sound` is None while the recogniser has better to do; a turn that has not grown is not heard again.
    """
    agreed, known = StableWords(), 0.0
    while True:
        await asyncio.sleep(every)
        utterance = sound()
        if utterance is None or utterance.seconds < known + every / 2:
            continue
        known = utterance.seconds
        try:
            heard = await answer_within(hear(utterance), HEARD_WITHIN, "the recogniser")
        except EngineError:
            return  # the turn's end will say what is wrong with it
        if stable := agreed.feed(heard.text):
            tell(stable)


def _plain(word: str) -> str:
    return re.sub(r"\W+", "", word.lower())
