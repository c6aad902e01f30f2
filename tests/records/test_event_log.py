"""What is kept of a call's events, and when: as soon as the caller is told, and again when more is known."""

from lineside.protocol import (
    AgentWords,
    AudioDone,
    AudioStarted,
    BargeIn,
    ReplyMetrics,
    ReplyText,
    ServerMessage,
    Transcript,
    TurnEnded,
    TurnStarted,
)
from lineside.records.entries import Entry, ReplyKept, TurnBegan
from lineside.records.event_log import EventLog


def kept(*events: ServerMessage) -> tuple[list[Entry], EventLog]:
    entries: list[Entry] = []
    log = EventLog("one", entries.append)
    for event in events:
        log.on_event(event)
    return entries, log


def last_reply(entries: list[Entry]) -> ReplyKept:
    return next(entry for entry in reversed(entries) if isinstance(entry, ReplyKept))


ASKED = (
    TurnStarted(at=0.5, turn=1),
    TurnEnded(at=1.5, turn=1),
    Transcript(at=1.6, turn=1, reply=1, text="When are you open?", latency_ms=100.0),
)


def test_a_question_is_kept_when_it_is_told() -> None:
    """Not when its reply is over: a process that dies in between loses no question."""
    entries, _ = kept(*ASKED)
    reply = last_reply(entries)
    assert (reply.heard, reply.heard_at) == ("When are you open?", 1.6)
    assert (reply.speech_began_at, reply.speech_ended_at) == (0.5, 1.5)
    assert reply.said == ""


def test_the_words_of_an_answer_are_kept_as_they_go_out() -> None:
    """Each stretch of words that the caller was told is in the next entry of the reply."""
    entries, log = kept(*ASKED, ReplyText(at=1.8, turn=1, reply=1, text="From nine. To five."))
    assert last_reply(entries).said == "From nine. To five."
    log.on_event(AudioStarted(at=2.0, turn=1, reply=1, latency_ms=500.0))
    log.on_event(AgentWords(at=2.0, turn=1, reply=1, text="From nine. ", ends=1.0))
    assert last_reply(entries).reached == "From nine."


def test_a_turn_is_counted_when_it_begins_spoken_or_typed() -> None:
    """The live list shows a turn under way; a typed one has no speech, and counts when its words are told."""
    entries, log = kept(TurnStarted(at=0.5, turn=1))
    assert entries == [TurnBegan(call="one", turns=1)]
    log.on_event(Transcript(at=2.0, turn=2, reply=1, text="Typed.", latency_ms=0.0))
    log.on_event(Transcript(at=2.1, turn=2, reply=2, text="Typed.", latency_ms=0.0))
    assert log.turns == 2


def test_nothing_is_measured_after_a_reply_was_cut() -> None:
    """A second set of times, told after the barge-in, changes nothing; nor does an end of sound after it."""
    first = ReplyMetrics(at=2.0, turn=1, reply=1, e2e_ms=1428.0, asr_ms=300.0)
    entries, log = kept(*ASKED, first, BargeIn(at=3.0, turn=1, reply=1, heard="From"))
    log.on_event(ReplyMetrics(at=3.0, turn=1, reply=1, e2e_ms=4046.0))
    log.on_event(AudioDone(at=3.5, turn=1, reply=1))
    reply = last_reply(entries)
    assert reply.stages == {"e2e_ms": 1428.0, "asr_ms": 300.0}
    assert (reply.cut, reply.reached, reply.done_at) == (True, "From", 3.0)
