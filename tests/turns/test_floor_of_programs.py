"""What a program that leads a call may do with the floor: answers without a turn, turns by hand, turns unanswered."""

from lineside.audio.frame import Utterance
from lineside.turns.floor import Floor, FloorRules
from lineside.turns.floor_events import (
    ForgetTurn,
    GiveWay,
    Listen,
    Pause,
    PauseReply,
    Prepare,
    ReplyOver,
    ResponseWanted,
    Silence,
    SoundCleared,
    SoundCommitted,
    Speak,
    SpeechLong,
    VoiceActivity,
    WriteDown,
)

SAID = Utterance(b"\0\0" * 1600, 0.0, 0.1)


def test_an_answer_is_wanted_without_a_turn() -> None:
    """It has a number of its own, and a caller who speaks over it long enough takes the floor."""
    floor = Floor(FloorRules())
    assert floor.feed(ResponseWanted(1.0, 7)) == Speak(1, 1.0, 1.0)
    assert floor.feed(VoiceActivity(2.0, 1.8)) == PauseReply(1)
    floor.feed(SpeechLong(2.5))
    assert floor.feed(SpeechLong(3.0)) == GiveWay(2, 1.8)


def test_turns_that_nobody_answers_are_written_down() -> None:
    """Nothing is prepared for them, and the floor is free when they are over."""
    floor = Floor(FloorRules(answers=False, timeout=0.5))
    assert floor.feed(VoiceActivity(1.0, 0.8)) == Listen(1, 0.8)
    assert floor.feed(Silence(1.4, 1.2)) == Pause(1)
    assert floor.feed(Silence(1.7, 1.2)) == WriteDown(1, 1.2, 1.7)
    assert floor.idle
    assert floor.feed(ResponseWanted(2.0, 1)) == Speak(2, 2.0, 2.0)


def test_a_turn_ends_by_hand_and_is_not_answered() -> None:
    """With what was heard of it; there must be one."""
    floor = Floor(FloorRules())
    assert floor.feed(SoundCommitted(0.5)) is None
    floor.feed(VoiceActivity(1.0, 0.8))
    assert floor.feed(Silence(1.4, 1.2)) == Prepare(1)
    assert floor.feed(SoundCommitted(1.5)) == WriteDown(1, 1.5, 1.5)
    assert floor.idle


def test_a_turn_that_comes_whole_leaves_an_open_one_open() -> None:
    """It has the next number."""
    floor = Floor(FloorRules(timeout=0.5))
    floor.feed(VoiceActivity(1.0, 0.8))
    assert floor.feed(SoundCommitted(1.2, SAID)) == WriteDown(2, 1.2, 1.2)
    assert floor.feed(Silence(2.0, 1.2)) == Speak(1, 1.2, 2.0)


def test_a_turn_that_is_dropped_never_was() -> None:
    """Its sound is forgotten; the next voice begins another."""
    floor = Floor(FloorRules())
    assert floor.feed(SoundCleared(0.5)) is None
    floor.feed(VoiceActivity(1.0, 0.8))
    assert floor.feed(SoundCleared(1.2)) == ForgetTurn(1)
    assert floor.idle
    assert floor.feed(VoiceActivity(2.0, 1.9)) == Listen(2, 1.9)


def test_a_protected_answer_is_said_to_its_end() -> None:
    """What the caller says meanwhile is a turn when it is over."""
    floor = Floor(FloorRules(protected=True))
    floor.feed(ResponseWanted(1.0, 1))
    assert floor.feed(VoiceActivity(2.0, 1.8)) is None
    assert floor.feed(SpeechLong(2.5)) is None
    assert floor.feed(SpeechLong(3.0)) is None
    assert floor.feed(ReplyOver(3.5, 1)) == Listen(2, 1.8)
