"""The words of a turn: one place for the recogniser's deadline and its second try."""

import asyncio

from msgspec.structs import replace

from lineside.agents.slots.extract import UNSURE
from lineside.agents.tasks.state import Expected
from lineside.audio.frame import SAMPLE_BYTES, STT_RATE, Utterance
from lineside.engines.protocols import SpeechToText, Transcription
from lineside.engines.timeouts import RETRY_AFTER, answer_within
from lineside.errors import EngineError, EngineTimeout

PIECE = 25  # seconds that a recogniser hears at once; of a longer recording one piece after the other
TRANSCRIPT_WITHIN = 10.0  # seconds; then the recogniser has failed. The caller is told to wait long before that


async def transcribe_turn(stt: SpeechToText, utterance: Utterance, expected: Expected | None) -> tuple[str, bool]:
    """The words of a turn, and whether they can be doubted: by the recogniser, or of digits by the second hearing.

    Raises `EngineError`.
    """
    if expected is not None and expected.listen is not None:
        utterance = replace(utterance, digits=expected.listen)
    heard = await transcribe(stt, utterance)
    return heard.text, heard.clear is False or (heard.clear is None and heard.sure < UNSURE)


async def transcribe(stt: SpeechToText, utterance: Utterance) -> Transcription:
    """Transcribe one utterance. A recogniser that fails at once is asked a second time, a slow one is not.

    Raises `EngineError`.
    """
    try:
        return await answer_within(stt.transcribe(utterance), TRANSCRIPT_WITHIN, "the recogniser")
    except EngineTimeout:
        raise
    except EngineError:
        await asyncio.sleep(RETRY_AFTER)
    return await answer_within(stt.transcribe(utterance), TRANSCRIPT_WITHIN, "the recogniser")


async def transcribe_long(stt: SpeechToText, utterance: Utterance) -> str:
    """The words of an utterance of any length. Raises `EngineError`."""
    size, pcm, words = PIECE * STT_RATE * SAMPLE_BYTES, utterance.pcm, list[str]()
    for at in range(0, max(1, len(pcm)), size):
        part = pcm[at : at + size]
        share = len(part) / len(pcm) if pcm else 0.0
        began = utterance.began + at / SAMPLE_BYTES / STT_RATE
        words.append((await transcribe(stt, Utterance(part, began, utterance.voiced * share))).text)
    return " ".join(filter(None, words))
