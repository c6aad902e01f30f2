"""What the caller hears while an answer is late."""

from lineside.call.fillers import FILLERS, MOMENT, PATIENCE, STILL, Fillers


def test_first_a_filler_then_a_moment_then_thanks() -> None:
    """The first comes soon, the others after `PATIENCE` seconds of silence each."""
    fillers = Fillers(2, after=0.7)
    assert fillers.patience == 0.7
    assert fillers.due(sounding=False, question="When?", writing=False) == FILLERS[2]
    assert fillers.patience == PATIENCE
    assert fillers.due(sounding=True, question="When?", writing=False) == MOMENT
    assert [fillers.due(sounding=True, question="When?", writing=False) for _ in range(3)] == [STILL] * 3


def test_each_turn_has_another_filler() -> None:
    """In turn, so that none is heard twice in a row."""
    said = [Fillers(turn, after=0.7).due(sounding=False, question="Hm?", writing=False) for turn in range(6)]
    assert said == [*FILLERS, *FILLERS]


def test_a_noise_and_an_answer_that_is_being_written_get_no_filler() -> None:
    """The next look is at `PATIENCE` seconds after the end of the turn, the first included."""
    for question, writing in ((None, False), ("", False), ("When?", True)):
        fillers = Fillers(0, after=0.7)
        assert fillers.due(sounding=False, question=question, writing=writing) == ""
        assert fillers.patience == PATIENCE - 0.7
        assert fillers.due(sounding=False, question=question, writing=writing) == MOMENT


def test_silence_in_the_middle_of_an_answer_is_thanked_for() -> None:
    """They have heard its beginning: it is no moment any more."""
    fillers = Fillers(0, after=0.7)
    fillers.answer_sounded()
    assert fillers.patience == PATIENCE
    assert fillers.due(sounding=True, question="When?", writing=True) == STILL
