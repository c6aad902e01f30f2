"""What `lineside engines` says of each engine, in one line."""

from lineside.answered_by import AnsweredBy
from lineside.cli.engines import EngineRow, _cells
from lineside.engines.recent_fallbacks import Fallback

JOE = AnsweredBy("piper", "en_US-joe-medium", "kokoro", "too slow")


def told(**given: object) -> tuple[str, ...]:
    return _cells(EngineRow(**({"role": "tts", "engine": "kokoro", "default": True, "choices": ()} | given)), True)  # type: ignore[arg-type]


def test_the_model_stands_there_and_the_engine_where_it_is_another() -> None:
    """Behind `auto` somebody else answers."""
    own = AnsweredBy("kokoro", "af_heart")
    assert told(state="available", answers=own) == ("kokoro", "available", "tts", "yes", "af_heart")
    assert (
        told(state="not running", answers=JOE, why="nobody answers")[-1] == "en_US-joe-medium (piper); nobody answers"
    )


def test_who_stood_in_lately_is_told_with_why_and_when() -> None:
    """An engine that is up may still be too slow."""
    shown = told(state="available", answers=AnsweredBy("kokoro", "af_heart"), fallback=Fallback(JOE, 125.0))[-1]
    assert shown == "af_heart; too slow 2 min ago, en_US-joe-medium answered"
    assert "41 s ago" in told(fallback=Fallback(JOE, 41.2))[-1]


def test_what_an_engine_lacks_stands_there_without_a_check() -> None:
    """Nobody has to be asked for it; the others are not asked."""
    lacks = EngineRow("tts", "elevenlabs", False, (), False, "set ELEVENLABS_API_KEY and restart", "no key")
    assert _cells(lacks, False) == ("elevenlabs", "no key", "tts", "", "set ELEVENLABS_API_KEY and restart")
    assert _cells(EngineRow("tts", "espeak", False, ("en-us",)), False)[1] == "–"
