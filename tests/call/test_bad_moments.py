"""What happens to a caller while an operator does something behind their call: hangs up on them, removes a model."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from lineside.audio.vad import LoudnessVad
from lineside.call.fillers import FAREWELL, SORRY
from lineside.call.session import CallSession
from lineside.engines.fallback import FallbackLLM
from lineside.engines.protocols import LlmPiece, LlmRequest, Message
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import ModelMissing
from lineside.protocol import AnsweredBy, EndReason, FirstMessage, ReplyMetrics
from lineside.transports.scripted import CallerSilent, CallerSpeaks
from tests.call.fixtures import AGENT, run_call, settings
from tests.transports.sip_rig import sip
from tests.virtual_time import run

WORDS = 0.3  # seconds that the scripted voice speaks each word
LOUD = 100  # of 127 steps of G.711, below which a byte is louder than noise


def loud(sound: bytes) -> float:
    """Seconds of a telephone's sound that are not silence."""
    return sum(byte & 0x7F < LOUD for byte in sound) / 8000


def test_a_caller_on_a_telephone_hears_a_sentence_before_an_operator_hangs_up() -> None:
    """Over SIP: the whole of it reaches the handset, and only then comes BYE."""

    async def story() -> tuple[EndReason, float, float]:
        async with sip() as rig:
            voice = CachedTTS(ScriptedTTS())
            await voice.keep(FAREWELL)
            engines = Engines(ScriptedSTT(), ScriptedLLM(), voice, {"stt": "s", "llm": "l", "tts": "t"}, voice)
            call = CallSession(
                rig.transport,
                FirstMessage(codec=rig.transport.codec, greeting=""),
                control=rig.leg.control,
                agent=AGENT,
                engines=engines,
                settings=settings(),
                vad=LoudnessVad(),
            )
            running = asyncio.create_task(call.run())
            await rig.leg.control.answer()
            await asyncio.sleep(1.0)
            before = loud(rig.ear)
            call.end("ended_by_operator")
            reason = await running
            assert not rig.phone.ends, "the line is open until the sentence is out"
            await rig.leg.control.hang_up(reason)
            await asyncio.sleep(0.1)
            assert [end.by for end in rig.phone.ends] == ["them"]
            return reason, before, loud(rig.ear)

    reason, before, heard = run(story())
    assert reason == "ended_by_operator"
    assert before == 0.0
    assert heard == pytest.approx(len(FAREWELL.split()) * WORDS, rel=0.25)


class RemovedLLM(ScriptedLLM):
    """Its model is not on the disk while these questions of the caller's are asked."""

    def __init__(self, *gone: int) -> None:
        super().__init__(answers=["We open at nine."])
        self._gone = gone

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        if sum(message.role == "user" for message in messages) in self._gone:
            raise ModelMissing("qwen is not here: lineside models pull qwen", model="qwen")
        async for piece in super().reply(messages, ask):
            yield piece


TWO_QUESTIONS = (CallerSpeaks(1.0), CallerSilent(6.0), CallerSpeaks(1.0), CallerSilent(6.0))


def test_a_model_that_is_removed_under_a_call_is_stood_in_for() -> None:
    """The next question is answered by the next engine, and the reply says for whom and why."""
    llm = FallbackLLM([("first", RemovedLLM(2)), ("second", ScriptedLLM(answers=["At six."]))])
    call = run_call(*TWO_QUESTIONS, llm=llm)
    assert [said for role, said in call.conversation if role == "assistant"] == ["We open at nine.", "At six."]
    first, second = (told.engines["llm"] for told in call.all(ReplyMetrics))
    assert first.engine == "first"
    assert second == AnsweredBy("second", "", "first", "not downloaded")
    assert call.reason == "caller_hung_up"


def test_a_model_that_is_removed_where_nobody_stands_in_is_apologised_for_and_the_call_goes_on() -> None:
    """The caller asks again once it is back, and is answered."""
    call = run_call(*TWO_QUESTIONS, CallerSpeaks(1.0), CallerSilent(6.0), llm=RemovedLLM(2))
    said = [said for role, said in call.conversation if role == "assistant"]
    assert said == ["We open at nine.", SORRY, "We open at nine."]
    assert call.reason == "caller_hung_up"
