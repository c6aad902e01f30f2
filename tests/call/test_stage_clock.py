"""Where the time of a reply went."""

from lineside.call.answerers import Answerers
from lineside.call.reply_input import NOTHING_DROPPED, DroppedPreparation
from lineside.call.stage_clock import StageClock
from lineside.protocol import ReplyMetrics


def measured(times: StageClock) -> ReplyMetrics:
    metrics = times.metrics(Answerers({}), at=9.0, turn=2, reply=3)
    assert metrics is not None
    return metrics


def test_a_stage_has_a_beginning_a_first_and_an_end() -> None:
    """In milliseconds from when it was asked, and from the caller's last sample of speech."""
    times = StageClock()
    times.asked("asr", 9.5)
    times.done("asr", 9.75)
    times.asked("llm", 9.75)
    times.first("llm", 10.25)
    times.first("llm", 10.5)
    times.done("llm", 11.0)
    times.turn_ended(10.0, 1.0, NOTHING_DROPPED, spoken=True)
    times.answer_sounds(11.5)
    times.answer_sounds(12.0)
    found = measured(times)
    assert (found.at, found.turn, found.reply) == (9.0, 2, 3)
    assert (found.asr_from_ms, found.asr_ms) == (500.0, 250.0)
    assert (found.llm_from_ms, found.llm_first_ms, found.llm_ms) == (750.0, 500.0, 1250.0)
    assert (found.endpoint_ms, found.e2e_ms) == (1000.0, 2500.0)
    assert (found.tts_from_ms, found.tts_first_ms, found.tts_ms) == (None, None, None)


def test_the_voices_pieces_add_up_without_the_waiting_between_them() -> None:
    """The first sound counts once, and from the first piece."""
    times = StageClock()
    times.asked("tts", 1.0)
    times.first("tts", 1.25)
    times.done("tts", 1.25)
    times.resumed("tts", 5.0)
    times.done("tts", 5.5)
    times.asked("tts", 6.0)
    times.first("tts", 6.125)
    times.done("tts", 6.125)
    found = measured(times)
    assert (found.tts_from_ms, found.tts_first_ms, found.tts_ms) == (1000.0, 250.0, 875.0)


def test_what_was_typed_or_said_unasked_has_no_end_of_speech() -> None:
    """And nothing measured is no event."""
    times = StageClock()
    times.turn_ended(1.0, 0.0, NOTHING_DROPPED, spoken=False)
    assert times.metrics(Answerers({}), at=1.0, turn=1, reply=1) is None


def test_what_was_prepared_for_nothing_is_told_with_the_reply() -> None:
    """How often, how long, and when the last began."""
    times = StageClock()
    times.turn_ended(10.0, 1.0, DroppedPreparation(2, 0.5, 8.0), spoken=True)
    found = measured(times)
    assert (found.wasted, found.wasted_ms, found.wasted_from_ms) == (2, 500.0, -1000.0)
