"""A server dies under a request: what the caller hears of it, where another replica answers the next one, or nobody."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from lineside.audio.frame import SpokenAudio, Utterance
from lineside.call.fillers import SORRY
from lineside.engines.fallback import FallbackLLM, FallbackSTT, FallbackTTS
from lineside.engines.protocols import LlmPiece, LlmRequest, Message, Token, Transcription
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import EngineDisconnected, EngineError
from lineside.protocol import AudioDone, AudioStarted
from lineside.transports.scripted import CallerSilent, CallerSpeaks
from tests.call.fixtures import FinishedCall, run_call
from tests.engines.fixtures import all_of
from tests.virtual_time import run

SPOKEN = Utterance(b"\x10\x00" * 1600, 0.0, 0.1)
ASKED = (Message("user", "When does the train go?"),)
ANSWER = "The next train goes at nine from platform four, and the one after it an hour later."
HEARD = 2.0  # seconds of silence that a caller takes for a living line
SLOWLY = 0.12  # seconds a word: little is ready when it breaks, and what is begun again takes its time


class DyingSTT(ScriptedSTT):
    """Its connection breaks under the first requests."""

    def __init__(self, times: int = 1) -> None:
        super().__init__(hears=["When does the train go?"])
        self.left = times

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        if self.left:
            self.left -= 1
            raise EngineDisconnected("disconnected")
        return await super().transcribe(utterance)


class DyingLLM(ScriptedLLM):
    """Its connection breaks after so many words of the first answers; then it says all of it, from its beginning."""

    def __init__(self, after: int, times: int = 1, each: float = 0.005) -> None:
        super().__init__(answers=[ANSWER], each=each)
        self.after, self.left = after, times

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        dies, self.left = self.left > 0, self.left - 1
        async with aclosing(super().reply(messages, ask)) as tokens:
            number = 0
            async for token in tokens:
                if dies and number == self.after:
                    raise EngineDisconnected("disconnected")
                number += 1
                yield token


class DyingTTS(ScriptedTTS):
    """Its connection breaks after so many words of the first sentences."""

    def __init__(self, after: int, times: int = 1) -> None:
        super().__init__()
        self.after, self.left = after, times

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        dies = self.left > 0 and sentence in ANSWER
        self.left -= dies
        async with aclosing(super().speak(sentence, voice)) as sounds:
            number = 0
            async for sound in sounds:
                if dies and number == self.after:
                    raise EngineDisconnected("disconnected")
                number += 1
                yield sound


def test_who_breaks_off_is_asked_again_at_once_and_goes_on() -> None:
    """Each role: the same engine is asked for the rest before any other is, and trusted as before."""

    async def story() -> None:
        began = asyncio.get_running_loop().time()
        stt = FallbackSTT([("one", DyingSTT()), ("two", ScriptedSTT(hears=["nothing"]))])
        assert (await stt.transcribe(SPOKEN)).text == "When does the train go?"
        llm = FallbackLLM([("one", DyingLLM(4)), ("two", ScriptedLLM(answers=["nothing"]))])
        said = [piece.text for piece in await all_of(llm.reply(ASKED, LlmRequest())) if isinstance(piece, Token)]
        assert " ".join("".join(said).split()) == ANSWER
        voice = DyingTTS(2)
        tts = FallbackTTS([("one", voice), ("two", ScriptedTTS())])
        sounds = await all_of(tts.speak(ANSWER, ""))
        assert " ".join(word for sound in sounds for _, word in sound.words) == ANSWER
        assert voice.spoken == [ANSWER, ANSWER.removeprefix("The next ")]
        assert [stt.switches, llm.switches, tts.switches] == [0, 0, 0]
        assert all(chain._candidates[0].breaker.well for chain in (stt, llm, tts))
        assert asyncio.get_running_loop().time() - began < 0.5

    run(story())


def test_who_breaks_off_twice_is_followed_by_the_next() -> None:
    """One more request, not one for ever; where nobody comes after it, the error is told."""
    chain = FallbackSTT([("one", DyingSTT(2)), ("two", ScriptedSTT(hears=["second"]))])
    assert run(chain.transcribe(SPOKEN)).text == "second"
    assert chain.switches == 1
    alone = DyingSTT(3)
    with pytest.raises(EngineError, match="disconnected"):
        run(FallbackSTT([("one", alone)]).transcribe(SPOKEN))
    assert alone.left == 1


class OneVoice(FallbackTTS):
    """A chain of one, which a test's call may be given."""

    def __init__(self, voice: ScriptedTTS) -> None:
        super().__init__([("replicas", voice)])
        self.fails, self.takes, self.spoken = 0, 0.0, voice.spoken


def hold(llm: ScriptedLLM, tts: ScriptedTTS) -> FinishedCall:
    return run_call(
        CallerSpeaks(1.0),
        CallerSilent(14.0),
        stt=ScriptedSTT(hears=["When does the train go?"]),
        llm=FallbackLLM([("replicas", llm)]),
        tts=OneVoice(tts),
    )


@pytest.mark.parametrize("after", [0, 3, 9, 16])
def test_a_model_that_dies_in_mid_reply_is_heard_to_the_end(after: int) -> None:
    """Wherever it breaks off, the caller hears every word once, and never two seconds of nothing."""
    call = hold(DyingLLM(after, each=SLOWLY), ScriptedTTS())
    assert [said for role, said in call.conversation if role == "assistant"] == [ANSWER]
    assert call.longest_silence(call.all(AudioStarted)[0].at, call.all(AudioDone)[-1].at) < HEARD


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_voice_that_dies_in_mid_sentence_is_heard_to_the_end(after: int) -> None:
    """The same of the voice."""
    call = hold(DyingLLM(0, 0), DyingTTS(after))
    assert [said for role, said in call.conversation if role == "assistant"] == [ANSWER]
    assert call.longest_silence(call.all(AudioStarted)[0].at, call.all(AudioDone)[-1].at) < HEARD


def test_a_model_that_stays_dead_is_apologised_for() -> None:
    """What had been said is heard, then that something went wrong."""
    call = hold(DyingLLM(9, 9), ScriptedTTS())
    assert call.conversation[-1][1].endswith(SORRY)
