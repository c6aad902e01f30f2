"""One answer as the load tester's caller hears it."""

import pytest

from lineside.loadtest.answer_playback import AnswerPlayback, CallerLine
from lineside.loadtest.plan import TurnResult

TENTH = bytes(3200)


@pytest.mark.parametrize(("after", "kept"), [(0.04, 1280), (0.1 - 1e-9, 3200), (0.2, 3200)])
def test_what_was_taken_back_is_not_kept(after: float, kept: int) -> None:
    """An answer that stops is kept up to there; one that stops at its last sample is kept whole."""
    answer = AnswerPlayback(1, CallerLine.of("pcm", 16_000, keep=True))
    assert answer.hear(TENTH, 0.0)
    answer.take_back(after)
    assert len(answer.sound) == kept


def test_an_answer_that_goes_on_has_lost_nothing() -> None:
    """What was taken back is lost only if the answer does not go on."""
    answer = AnswerPlayback(1, CallerLine.of("pcm", 16_000, keep=False))
    answer.hear(TENTH, 0.0)
    answer.take_back(0.06)
    assert (answer.lost_ms, answer.sound) == (40.0, b"")
    answer.resume()
    assert answer.lost_ms == 0.0
    turn = TurnResult("call", "a.wav", 0.0)
    answer.score(turn)
    assert turn.seconds == 0.06
