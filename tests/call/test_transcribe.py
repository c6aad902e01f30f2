"""The recogniser's deadline and its second try."""

import asyncio

import pytest

from lineside.agents.tasks.state import Expected
from lineside.audio.frame import Utterance
from lineside.call.transcribe import TRANSCRIPT_WITHIN, transcribe, transcribe_turn
from lineside.engines.protocols import EngineInfo, Transcription
from lineside.engines.timeouts import RETRY_AFTER
from lineside.engines.vendors.scripted import ScriptedSTT
from lineside.errors import EngineError, EngineTimeout
from tests.virtual_time import run

SAID = Utterance(b"\x10\x00" * 1600, 0.0, 0.1)


async def timed(stt: ScriptedSTT) -> tuple[Transcription, float]:
    began = asyncio.get_running_loop().time()
    return await transcribe(stt, SAID), asyncio.get_running_loop().time() - began


def test_a_recogniser_that_fails_at_once_is_asked_again() -> None:
    """The caller's words arrive a quarter of a second later."""
    heard, seconds = run(timed(ScriptedSTT(hears=["Yes."], takes=0.1, fails=1)))
    assert heard.text == "Yes."
    assert seconds == pytest.approx(0.1 + RETRY_AFTER + 0.1)


def test_a_recogniser_that_fails_twice_has_failed() -> None:
    """There is no third try."""
    stt = ScriptedSTT(fails=2)
    with pytest.raises(EngineError, match="told to fail"):
        run(timed(stt))
    assert (stt.fails, stt.utterances) == (0, [])


def test_a_recogniser_that_is_silent_is_not_asked_again() -> None:
    """One deadline is all that the caller waits."""
    stt = ScriptedSTT(takes=2 * TRANSCRIPT_WITHIN)

    async def story() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(EngineTimeout, match="recogniser did not answer within 10 s"):
            await transcribe(stt, SAID)
        return asyncio.get_running_loop().time() - began

    assert run(story()) == pytest.approx(TRANSCRIPT_WITHIN)


@pytest.mark.parametrize(
    ("expected", "asked"),
    [
        (None, None),
        (Expected("yes_no"), None),
        (Expected("digits", 5, "digits", 5), 5),
        (Expected("digits", None, "digits", 0), 0),
    ],
    ids=str,
)
def test_the_recogniser_is_told_that_digits_were_asked_for(expected: Expected | None, asked: int | None) -> None:
    """And what it doubts is known to be in doubt."""
    told: list[int | None] = []

    class Doubts:
        info = EngineInfo()

        async def transcribe(self, utterance: Utterance) -> Transcription:
            told.append(utterance.digits)
            return Transcription("12345", clear=False if utterance.digits is not None else None)

    heard = asyncio.run(transcribe_turn(Doubts(), Utterance(b"", 0.0, 1.0), expected))
    assert told == [asked]
    assert heard == ("12345", asked is not None)
