"""Metrics of turns and replies: counted from the events that a caller's program is told."""

from collections.abc import Mapping
from typing import Literal, get_args

from lineside.observability import tool_metrics
from lineside.observability.meters import STAGE_BUCKETS, BoundedLabel, MeterFactory
from lineside.observability.tool_metrics import ToolMetrics
from lineside.protocol import (
    BargeIn,
    Error,
    FalseInterruption,
    ReplyMetrics,
    ServerMessage,
    TransferRequested,
    TurnEnded,
    TurnStarted,
    Unanswered,
)
from lineside.reasons import TransferAskedBy, UnansweredReason

Stage = Literal["endpoint", "asr", "llm_first", "llm", "tts_first", "tts", "e2e"]
STAGES: tuple[Stage, ...] = get_args(Stage)
ROLE: dict[Stage, str] = {"asr": "stt", "llm_first": "llm", "llm": "llm", "tts_first": "tts", "tts": "tts"}
LINE_FAULT, ENGINE_FAULT = "line", "engine"  # stages of `lineside_errors_total`
# What a caller's line may be told in a call; a code that is not here is counted too, from its first time on.
LINE_FAULTS = (
    "bad_message",
    "too_many_messages",
    "too_many_turns",
    "frame_too_large",
    "odd_length",
    "too_fast",
    "caller_not_reading",
    "line_deaf",
    "line_silent",
    "line_mute",
)
# The events that count for something, those of tools and tasks too.
COUNTED = (
    ReplyMetrics, TurnStarted, TurnEnded, BargeIn, FalseInterruption, Unanswered, TransferRequested, Error,
    *tool_metrics.COUNTED,
)  # fmt: skip


class TurnMetrics:
    """Turns, barge-ins, errors and the latency of each stage of a reply."""

    def __init__(self, factory: MeterFactory) -> None:
        counter, histogram = factory.counter, factory.histogram
        self._kind = BoundedLabel()  # of an error
        self._engine, self._model = BoundedLabel(""), BoundedLabel("")
        self.turns = counter("turns", "Caller turns that ended, spoken or typed", "line")
        self.segments = counter("speech_segments", "Speech segments that started a turn", "line")
        self.barge_ins = counter(
            "barge_ins", 'Barge-ins; kind="false": a false interruption, the reply resumed', "line", "kind"
        )
        self.speculations = counter(
            "speculations", "Replies prepared before the end of turn: committed (played) or wasted (dropped)", "outcome"
        )
        self.stages = histogram(
            "stage_seconds",
            "Latency of each stage of a reply; empty engine: a stage of lineside's own",
            STAGE_BUCKETS,
            "stage",
            "engine",
        )
        self.errors = counter(
            "errors", "Errors during calls: stage line or engine, and the error's code", "stage", "kind"
        )
        self.answered = counter(
            "answered",
            "Replies, by the engine and model that really answered; empty why: the one that should have",
            "role",
            "engine",
            "model",
            "why",
        )
        self.unanswered = counter("unanswered", "Questions without an answer, by reason", "why")
        self.transfers = counter(
            "transfer_requests", "Callers who are to speak to a person, by who asked", "line", "by"
        )
        self.tools = ToolMetrics(factory)
        self._begin()

    def _begin(self) -> None:
        """Have every known kind at nought: a rate sees the first of a kind too, and a panel is never empty."""
        self.turns.labels("browser")
        self.segments.labels("browser")
        for outcome in ("committed", "wasted"):
            self.speculations.labels(outcome)
        for code in LINE_FAULTS:
            self.errors.labels(LINE_FAULT, self._kind(code))
        self.errors.labels(ENGINE_FAULT, self._kind("engine_error"))
        for why in get_args(UnansweredReason)[:2]:  # who asked for a person is counted there
            self.unanswered.labels(why)
        for by in get_args(TransferAskedBy):
            self.transfers.labels("browser", by)
        for kind in ("true", "false"):
            self.barge_ins.labels("browser", kind)

    def observe(self, event: ServerMessage, line: str, engines: Mapping[str, str]) -> None:
        """Count an event of a call; most of them count for nothing. `engines` are role → engine."""
        match event:
            case ReplyMetrics():
                self._observe_reply(event, engines)
            case TurnStarted():
                self.segments.labels(line).inc()
            case TurnEnded():
                self.turns.labels(line).inc()
            case BargeIn():
                self.barge_ins.labels(line, "true").inc()
            case FalseInterruption():
                self.barge_ins.labels(line, "false").inc()
            case Unanswered(why=why):
                self.unanswered.labels(why).inc()
            case TransferRequested(by=by):
                self.transfers.labels(line, by).inc()
            case Error(code=code):
                where = ENGINE_FAULT if code == "engine_error" else LINE_FAULT
                self.errors.labels(where, self._kind(code)).inc()
            case _:
                self.tools.observe(event)

    def _observe_reply(self, event: ReplyMetrics, engines: Mapping[str, str]) -> None:
        """Where its time went, at the engine that really answered."""
        answered = {role: self._engine(by.engine) for role, by in event.engines.items()}
        for stage in STAGES:
            ms = getattr(event, f"{stage}_ms")
            if ms is not None:
                role = ROLE.get(stage, "")
                self.stages.labels(stage, answered.get(role) or engines.get(role, "")).observe(ms / 1000)
        for role, by in event.engines.items():
            self.answered.labels(role, answered[role], self._model(by.model), by.why).inc()

    def prepared(self, *, committed: bool) -> None:
        """A reply that was prepared early is played, or was for nothing."""
        self.speculations.labels("committed" if committed else "wasted").inc()
