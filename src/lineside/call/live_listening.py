"""What is done with the caller's words while they still speak: interim transcripts, and prefilling the LLM.

Interim transcripts are made of the words that two hearings in a row agree on. Local agreement (Liu, Niehues and others,
"Low-latency sequence-to-sequence speech recognition", Interspeech 2020): the recogniser hears the turn so far again and
again; the beginning that comes out the same twice hardly changes later. Each hearing costs as much as the one at the
turn's end, so this is off unless a setting asks for it.

Prefilling lets the language model read a question while it is being said. On two cores a model reads some sixty new
words a second, so the words of a question cost a quarter of a second between the caller's silence and the answer's
first word. The turn is heard when it is `FIRST` seconds old and whenever it has grown to twice of that, so all
hearings together cost about as much as the one at the turn's end. The last word may be half of one and is left out.
What turns out otherwise is read anew: a prompt is shared as far as it is the same.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress

from lineside.audio.frame import Utterance
from lineside.call.call_context import CallContext
from lineside.call.end_of_turn import EndOfTurn
from lineside.call.speaker import Speaker
from lineside.call.tasks import OneTask
from lineside.engines.protocols import LanguageModel, Message, Prefills, Warmable
from lineside.engines.timeouts import answer_within
from lineside.errors import EngineError
from lineside.protocol import PartialTranscript

PARTIAL_WITHIN = 3.0  # seconds for one interim hearing; a recogniser that is slower has no time for this
PREFILL_HEARD_WITHIN = 2.0  # seconds for one hearing for the LLM
PREFILL_WITHIN = 2.0  # seconds for the LLM to read; a model that is slower is not given more
FIRST = 0.6  # seconds of the turn at the first hearing; "yes" has no beginning that is worth one
LOOK = 0.1  # seconds until a pause, or answers that are waited for, are looked at again
ANY_WORD = "I"  # where nothing of a question is known: a message must not be empty


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


class LiveListening:
    """Hears the open turn of one call again and again while it lasts, and only while the engines have time."""

    def __init__(self, context: CallContext, end_of_turn: EndOfTurn, speaker: Speaker) -> None:
        self._context, self._end_of_turn, self._speaker = context, end_of_turn, speaker
        settings = context.settings
        self._every = settings.partials_every_ms / 1000
        self._prefills = settings.read_ahead and settings.speculation and context.answers
        self._partials, self._prefill = (OneTask(context.tasks, name) for name in ("interim transcripts", "prefill"))

    def start(self, turn: int) -> None:
        """A turn of the caller's begins."""
        self.start_prefill()
        self._partials.stop()
        if self._every:
            self._partials.start(self._tell_partials(turn))

    def start_prefill(self, *, known: float = 0.0) -> None:
        """Let the LLM read the turn as it grows. `known`: seconds of it that were read before."""
        self._prefill.stop()
        if self._prefills:
            self._prefill.start(self._prefill_turn(known))

    def stop_prefill(self) -> None:
        """An answer is asked for: the LLM's slot that has read the turn must be free."""
        self._prefill.stop()

    def close_turn(self) -> Utterance:
        """The turn is over: what was said in it."""
        said = self._context.segmenter.utterance()
        self._context.segmenter.close_turn()
        self.stop()
        return said

    def stop(self) -> None:
        """The turn is over."""
        self._prefill.stop()
        self._partials.stop()

    async def _tell_partials(self, turn: int) -> None:
        """One hearing at a time; a turn that has not grown is not heard again."""
        context, agreed, known, every = self._context, StableWords(), 0.0, self._every
        while True:
            await asyncio.sleep(every)
            if self._speaker.busy or self._context.load.overloaded():
                continue
            utterance = self._context.segmenter.utterance()
            if utterance.seconds < known + every / 2:
                continue
            known = utterance.seconds
            try:
                heard = await answer_within(context.stt.transcribe(utterance), PARTIAL_WITHIN, "the recogniser")
            except EngineError:
                return  # the turn's end will say what is wrong with it
            if text := context.history.without_sensitive_numbers(agreed.feed(heard.text), unfinished=True):
                at, reply = context.clock.at, self._speaker.replies + 1
                context.observers.on_event(PartialTranscript(at=at, turn=turn, reply=reply, text=text))
                if context.program is not None:
                    context.program.heard_so_far(turn, text)

    async def _prefill_turn(self, known: float) -> None:
        """With nothing known the LLM first reads what was said before the turn: that is new to it too."""
        if not known and not await self._read(""):
            return
        wanted = max(FIRST, 2 * known)
        while True:
            utterance = self._for_prefill()
            if utterance is None or utterance.seconds < wanted:
                await asyncio.sleep(LOOK if utterance is None else max(LOOK, wanted - utterance.seconds))
                continue
            wanted = 2 * utterance.seconds
            try:
                heard = await answer_within(
                    self._context.stt.transcribe(utterance), PREFILL_HEARD_WITHIN, "the recogniser"
                )
            except EngineError:
                return  # the turn's end will say what is wrong with it
            shown = self._context.history.without_sensitive_numbers(heard.text, unfinished=True)
            if (words := shown.split()[:-1]) and not await self._read(" ".join(words)):
                return

    def _for_prefill(self) -> Utterance | None:
        """The open turn; None in a pause, which may be its end, and while the engines are needed."""
        needed = self._speaker.busy or self._end_of_turn.in_pause or not self._context.load.has_headroom()
        return None if needed else self._context.segmenter.utterance()

    async def _read(self, words: str) -> bool:
        """Let the LLM read the conversation and these words; whether that is of any use."""
        llm, context = self._context.llm, self._context
        if not isinstance(llm, Prefills):
            return False
        try:
            async with asyncio.timeout(PREFILL_WITHIN):
                return await llm.read_ahead(context.history.messages(asking=words or ANY_WORD), context.request)
        except (EngineError, TimeoutError):
            return False


async def read_prompt(llm: LanguageModel, messages: Sequence[Message]) -> None:
    """Let the LLM read a prompt of the caller's own while they still greet; the agent's it has read already."""
    if isinstance(llm, Warmable):
        with suppress(EngineError):
            await llm.warm(messages, keep=False)


def _plain(word: str) -> str:
    return re.sub(r"\W+", "", word.lower())
