"""The sound of one turn: what is kept of it, and how much more there is room for."""

from lineside.audio.frame import STT_RATE
from lineside.turns.turn_audio import PRE_ROLL, TurnAudio

SECOND = b"\1\0" * STT_RATE
OLDER = b"\2\0" * (STT_RATE // 2) + b"\3\0" * (STT_RATE // 2)


def test_what_was_not_understood_goes_before_what_is_said_now_as_far_as_there_is_room() -> None:
    """The end of the older sound is kept, and the turn is full then, not longer."""
    audio = TurnAudio(1.5)
    audio.pcm += SECOND
    assert not audio.is_full()
    audio.put_before(OLDER)
    assert bytes(audio.pcm) == OLDER[STT_RATE:] + SECOND
    assert audio.is_full()
    audio.put_before(OLDER)
    assert audio.seconds == 1.5


def test_a_turn_is_nearly_full_before_it_is_full() -> None:
    """With less than half a second of room, half a second more fills it."""
    audio = TurnAudio(1.5)
    audio.pcm += SECOND
    assert audio.is_full_but_for(0.5)
    assert not audio.is_full_but_for(0.25)


def test_after_a_turn_its_end_may_belong_to_the_next() -> None:
    """A third of a second is kept; of a shorter sound, all."""
    audio = TurnAudio(1.5)
    audio.pcm += OLDER + SECOND
    audio.keep_pre_roll()
    assert bytes(audio.pcm) == SECOND[: int(PRE_ROLL * STT_RATE) * 2]
    audio.keep_pre_roll()
    assert audio.seconds == PRE_ROLL
