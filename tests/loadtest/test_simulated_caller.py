"""One caller of the load tester, fed by hand: when it speaks, what it makes of what it hears."""

import itertools
from random import Random

import pytest

from lineside.loadtest.plan import Plan, TurnResult
from lineside.loadtest.recordings import Recording, silence
from lineside.loadtest.simulated_caller import ANSWER_WITHIN, SimulatedCaller
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    BargeIn,
    Clear,
    Ended,
    Error,
    FalseInterruption,
    ReplyMetrics,
    ReplyText,
)

SPEECH = b"\x01\x10" * 320
TENTH = bytes(3200)  # of sound, a tenth of a second
QUIET = silence("pcm", 16_000)


class Story:
    """A caller, and a clock that goes by frames."""

    def __init__(
        self,
        *,
        barge_in_rate: float = 0.0,
        duration: float = 1000.0,
        answer_seconds: float = 0.0,
        greeting: bool = False,
        turn_every: float = 0.0,
    ) -> None:
        self.plan = Plan(
            url="",
            callers=1,
            duration=duration,
            turn_every=turn_every,
            barge_in_rate=barge_in_rate,
            answer_seconds=answer_seconds,
            greeting=greeting,
        )
        self.at = 0.0
        recordings = [Recording("a.wav", (SPEECH,) * 25)]
        dice = Random(3)  # noqa: S311 - the same every time
        self.caller = SimulatedCaller("0.0", self.plan, recordings, dice, at=0.0, keep=True)

    @property
    def turn(self) -> TurnResult:
        return self.caller.turns[-1]

    def go(self, seconds: float) -> list[bytes]:
        """Time goes by; the frames it says meanwhile."""
        frames = []
        for _ in range(round(seconds / 0.02)):
            self.at += 0.02
            frames.append(self.caller.frame(self.at))
        return frames

    def asks(self) -> "Story":
        """Until it has asked something."""
        before = len(self.caller.turns)
        while len(self.caller.turns) == before:
            self.go(0.02)
        return self

    def answers(self, *, after: float, tenths: int, reply: int = 1) -> "Story":
        """The first sound so much later, the rest of it at the pace of speech."""
        self.go(after)
        self.caller.on_event(AudioStarted(at=0, turn=1, reply=reply, latency_ms=0), self.at)
        for _ in range(tenths):
            self.caller.heard(TENTH, self.at)
            self.go(0.1)
        return self

    def dropped(self) -> None:
        self.caller.on_event(Clear(at=0, turn=1, reply=1), self.at)
        self.caller.on_event(BargeIn(at=0, turn=1, reply=1, heard=""), self.at)

    def over(self, reply: int = 1) -> "Story":
        self.caller.on_event(AudioDone(at=0, turn=1, reply=reply), self.at)
        self.caller.on_event(ReplyMetrics(at=0, turn=1, reply=reply, e2e_ms=777.0), self.at)
        return self


def test_a_caller_speaks_waits_and_listens_to_the_end() -> None:
    """The time to first sound runs from the last frame of speech; the whole answer is heard before the next turn."""
    story = Story().asks()
    assert story.answers(after=1.2, tenths=20).over().turn.first_ms == pytest.approx(1200)
    assert (story.turn.seconds, story.turn.gaps, story.turn.missing) == (2.0, 0, False)
    assert story.turn.stages is not None
    assert story.turn.stages.e2e_ms == 777.0
    assert story.go(0.28) == [QUIET] * 14, "nobody speaks at once"
    assert SPEECH in story.go(1.0)


def test_a_caller_begins_a_turn_every_so_many_seconds_or_after_a_longer_answer() -> None:
    """The pace of turns is the plan's, so that what a turn costs can be told from what a caller costs."""
    story = Story(turn_every=6.0)
    began = []
    for tenths in (10, 10, 90, 10):
        story.asks()
        began.append(story.at - 0.5)
        story.answers(after=0.5, tenths=tenths).over()
    pauses = [round(after - before, 2) for before, after in itertools.pairwise(began)]
    assert pauses[:2] == [6.02, 6.02]  # the first frame at which the time has come
    assert 9.9 < pauses[2] < 11.5  # half a second of speech, half of waiting, nine of answer
    assert began[0] <= 6.0


def test_a_greeting_is_heard_out_before_the_first_question() -> None:
    """It is no answer: it counts in no turn."""
    story = Story(greeting=True).answers(after=0.5, tenths=60, reply=0)
    assert not story.caller.turns
    story.over(reply=0).asks().answers(after=1.2, tenths=20).over()
    assert [turn.first_ms for turn in story.caller.turns] == [pytest.approx(1200)]
    assert story.turn.stale_ms == 0.0


def test_an_agent_that_does_not_greet_is_asked_after_a_while() -> None:
    """Nobody waits for ever for a greeting that there is not."""
    assert SPEECH in Story(greeting=True).go(6.0)


def test_nothing_but_silence_is_said_while_an_answer_is_awaited_or_heard() -> None:
    """A caller who is not asked to barge in does not."""
    story = Story().asks()
    assert set(story.go(2.0)) == {QUIET}
    story.answers(after=0.1, tenths=1)
    assert set(story.go(3.0)) == {QUIET}


def test_gaps_of_an_answer_are_heard() -> None:
    """A stall of the server in the middle of an answer is a gap in it."""
    story = Story().asks().answers(after=1.0, tenths=5)
    story.go(0.3)
    story.caller.heard(TENTH, story.at)
    assert story.over().turn.worst_gap_ms == pytest.approx(300)


def test_an_answer_that_never_comes_is_missing_and_the_caller_tries_again() -> None:
    """The silence has an end."""
    story = Story().asks()
    story.go(ANSWER_WITHIN + 0.1)
    assert story.turn.missing
    assert story.asks().turn.first_ms is None


def test_an_answer_that_stops_half_way_is_missing_its_end() -> None:
    """Sound came, but never the end of it."""
    story = Story().asks().answers(after=1.0, tenths=5)
    story.go(ANSWER_WITHIN + 0.2)
    assert (story.turn.missing, story.turn.seconds) == (True, 0.5)


def test_barge_in_is_timed_to_the_silence_and_what_comes_after_it_is_stale() -> None:
    """From the first sample over the answer to `clear`; sound of the old answer after that should not be heard."""
    story = Story(barge_in_rate=1.0).asks().answers(after=1.0, tenths=1)
    barged = story.turn
    spoken = 0
    while not spoken:
        story.caller.heard(bytes(640), story.at)
        spoken = sum(frame == SPEECH for frame in story.go(0.02))
    story.go(0.24)
    story.caller.on_event(Clear(at=0, turn=1, reply=1), story.at)
    story.go(0.1)
    story.dropped()
    story.caller.heard(TENTH, story.at)
    story.asks().answers(after=1.0, tenths=3, reply=2)
    assert barged.barged
    assert barged.overlap_ms == pytest.approx(240)
    assert barged.stale_ms == pytest.approx(100)
    assert (barged.missing, barged.clipped_ms) == (False, 0.0)
    assert story.turn.first_ms == pytest.approx(1000)


def test_an_answer_that_begins_too_early_is_told_apart() -> None:
    """The agent spoke into the caller's question: no wait, but no good either."""
    story = Story()
    while SPEECH not in story.go(0.02):
        pass
    story.answers(after=0.1, tenths=1)
    story.asks()
    assert (story.turn.talked_over, story.turn.first_ms) == (True, 0.0)
    assert not story.over().turn.missing


def test_an_answer_that_is_held_and_goes_on_lost_nothing() -> None:
    """The server stopped at a sound, found it was nothing, and went on: a gap, but no clipped word."""
    story = Story().asks().answers(after=1.0, tenths=1)
    story.caller.heard(bytes(16000), story.at)
    story.go(0.1)
    story.caller.on_event(Clear(at=0, turn=1, reply=1), story.at)
    story.go(0.4)
    story.caller.heard(bytes(12800), story.at)
    story.caller.on_event(FalseInterruption(at=0, turn=1, reply=1, text=""), story.at)
    story.go(0.4)
    story.over()
    assert story.turn.seconds == pytest.approx(0.6)
    assert (story.turn.clipped_ms, story.turn.missing, len(story.caller.turns)) == (0.0, False, 1)
    assert story.turn.worst_gap_ms == pytest.approx(400)


@pytest.mark.parametrize("later", [0.2, 1.0])
def test_what_was_taken_for_a_mm_hm_is_no_question(later: float) -> None:
    """The server goes on with its answer, before or after we have finished; no answer of ours is missing."""
    story = Story(barge_in_rate=1.0).asks().answers(after=1.0, tenths=1)
    while SPEECH not in story.go(0.02):
        story.caller.heard(bytes(640), story.at)
    story.go(0.1)
    story.caller.on_event(Clear(at=0, turn=1, reply=1), story.at)
    story.go(later)
    story.caller.on_event(FalseInterruption(at=0, turn=1, reply=1, text="mm-hm"), story.at)
    story.caller.heard(bytes(32000), story.at)
    story.go(1.0)
    story.over()
    assert len(story.caller.turns) == 1
    assert (story.turn.barged, story.turn.resumed, story.turn.missing) == (False, 1, False)
    assert story.turn.stages is not None
    assert SPEECH in story.go(2.0), "and the conversation goes on"


def test_sound_cut_away_without_reason_is_clipped() -> None:
    """`clear` while the caller is silent; and the rest that comes after it belongs to the same turn."""
    story = Story().asks().answers(after=1.0, tenths=1)
    story.caller.heard(bytes(16000), story.at)
    story.dropped()
    story.answers(after=0.5, tenths=2, reply=2).over(2)
    assert len(story.caller.turns) == 1
    assert story.turn.clipped_ms == pytest.approx(500)
    assert story.turn.seconds == pytest.approx(0.3), "what was taken back was not heard"
    assert story.turn.first_ms == pytest.approx(1000)


def test_a_call_that_ends_in_the_middle_of_a_word_is_clipped() -> None:
    """Half a second was still to be played when the line went."""
    story = Story().asks().answers(after=1.0, tenths=1)
    story.caller.heard(bytes(16000), story.at)
    story.caller.on_event(Ended(at=0, reason="server_stopping"), story.at)
    story.caller.gone(story.at)
    assert story.turn.clipped_ms == pytest.approx(500)
    assert story.turn.missing
    assert story.caller.reason == "server_stopping"


def test_an_answer_shorter_than_it_must_be_is_clipped() -> None:
    """Where the length is known, what is missing of it is."""
    story = Story(answer_seconds=3.0).asks().answers(after=1.0, tenths=28).over()
    assert story.turn.clipped_ms == pytest.approx(200)


def test_a_caller_hangs_up_between_turns_only() -> None:
    """The time may be over; the answer under way is heard to its end."""
    story = Story(duration=2.0)
    story.asks().answers(after=1.0, tenths=10)
    assert not story.caller.is_done(story.at)
    assert story.over().caller.is_done(story.at)
    assert set(story.go(2.0)) == {QUIET}


def test_errors_and_words_are_kept_with_their_turn() -> None:
    """For the figures, and for the comparison of what was meant with what was heard."""
    story = Story().asks()
    story.caller.on_event(Error(at=0, code="engine_error", message="", fatal=False), story.at)
    story.caller.on_event(ReplyText(at=0, turn=1, text="We are open."), story.at)
    story.answers(after=1.0, tenths=2).over()
    assert (story.turn.errors, story.turn.answer) == (["engine_error"], "We are open.")
    assert story.caller.kept_answers == [("We are open.", TENTH * 2)]
