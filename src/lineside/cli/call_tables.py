"""How kept calls are printed: the columns, and what stands in them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from lineside.cli.output import Column, print_table, say
from lineside.protocol import AnsweredBy
from lineside.records.entries import KeptCall, KeptDecision, KeptTurn, UnansweredQuestion, WholeCall
from lineside.transports.call_facts import TEST_LINE

SHORT = 8  # letters of an id that are shown, as on the page
LISTED = (
    Column("call"),
    Column("ended", styles={"under way": "green"}),
    Column("began"),
    Column("lasted", right=True),
    Column("caller", grows=True),
    Column("turns", right=True),
    Column("noted", drop=1),
    Column("line", drop=3),
    Column("sound", drop=2),
    Column("answered by", drop=4),
)
TURNS = (
    Column("turn", right=True),
    Column("at", right=True),
    Column("end of turn", right=True, drop=1),
    Column("first audio", right=True),
    Column("caller", grows=True),
    Column("agent, as it was heard", grows=True),
    Column("answered by", drop=2),
)
QUESTIONS = (
    Column("asked", right=True),
    Column("question", grows=True),
    Column("why", drop=2),
    Column("agent", drop=3),
    Column("last", drop=1),
    Column("calls"),
)
DECISIONS = (
    Column("at", right=True),
    Column("turn", right=True),
    Column("decision"),
    Column("by"),
    Column("why", grows=True),
)


def call_row(call: KeptCall) -> tuple[str, ...]:
    """One line of the list."""
    return (
        call.id[:SHORT],
        _ended(call),
        f"{_moment(call.began):%Y-%m-%d %H:%M}",
        "" if call.seconds is None else f"{call.seconds:.0f} s",
        call.caller or ("test call" if call.line == TEST_LINE else "–"),
        str(call.turns),
        ", ".join(_noted(call)),
        f"{call.line} {call.codec}",
        f"{call.recording_bytes / 1e6:.1f} MB" if call.recording == "kept" else call.recording,
        answered_by(call.answered) or "–",
    )


def show_call(whole: WholeCall) -> None:
    """Print all of one call."""
    call = whole.call
    say(
        f"call {call.id}: {_moment(call.began):%Y-%m-%d %H:%M:%S}, {call.seconds or 0:.1f} s, "
        f"{call.line} {call.codec}, caller {call.caller or 'unknown'}, {_ended(call)}, "
        f"recording: {call.recording}"
    )
    if by := answered_by(call.answered):
        say(f"answered by: {by}")
    if noted := _noted(call):
        say(f"noted: {', '.join(noted)}")
    if call.note:
        say(f"note: {call.note}")
    if whole.turns:
        print_table(TURNS, [_turn_row(turn) for turn in whole.turns])
    if whole.decisions:
        say("Turn-taking:")
        print_table(DECISIONS, [_decision_row(decision) for decision in whole.decisions])


def _turn_row(turn: KeptTurn) -> tuple[str, ...]:
    at = turn.speech_ended_at if turn.speech_ended_at is not None else turn.audio_at
    times = (turn.stages.get(stage) for stage in ("endpoint_ms", "e2e_ms"))
    return (
        str(turn.turn or "–"),
        "–" if at is None else f"{at:.1f} s",
        *("–" if ms is None else f"{ms:.0f} ms" for ms in times),
        turn.heard or "–",
        (turn.reached or "–") + (" (interrupted)" if turn.cut else ""),
        answered_by(turn.engines) or "–",
    )


def _ended(call: KeptCall) -> str:
    return "under way" if call.seconds is None else (call.reason or "–").replace("_", " ")


def _noted(call: KeptCall) -> list[str]:
    """What an operator looks for first."""
    counted = ((call.unanswered, "unanswered"), (call.fallbacks, "fallback"))
    return [
        *(["asked for a person"] if call.asked_for_person else []),
        *(f"{many} {what}" for many, what in counted if many),
        *filter(None, (call.outcome, *call.tags)),
    ]


def answered_by(engines: Mapping[str, AnsweredBy]) -> str:
    """The models and voices that really answered, in the order of a turn; and who should have."""
    found = [engines[role] for role in ("stt", "llm", "tts") if role in engines]
    return " → ".join((by.model or by.engine) + (f" (for {by.instead_of}: {by.why})" if by.why else "") for by in found)


def question_row(question: UnansweredQuestion) -> tuple[str, ...]:
    """One question that nobody could answer."""
    calls = dict.fromkeys(place.call[:SHORT] for place in question.asked)
    return (
        str(question.times),
        question.question,
        question.why.replace("_", " "),
        question.agent,
        f"{_moment(question.last):%Y-%m-%d %H:%M}",
        " ".join(list(calls)[:3]),
    )


def _decision_row(decision: KeptDecision) -> tuple[str, ...]:
    score = f"score {decision.score:.2f}" if decision.score is not None else ""
    silence = f"{decision.silence_ms:.0f} ms of silence" if decision.silence_ms is not None else ""
    why = ", ".join(filter(None, (silence, score, decision.reason)))
    return f"{decision.at:.1f} s", str(decision.turn), decision.what, decision.detector, why


def _moment(began: float) -> datetime:
    return datetime.fromtimestamp(began, UTC).astimezone()
