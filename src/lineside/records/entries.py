"""What is kept, as values: entries on their way to the database, and answers from it.

Moments are seconds since 1970 (UTC); `at` and what ends in `_at` are seconds of caller audio since the call began.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Recording = Annotated[
    Literal["none", "running", "kept", "given_up"],
    Meta(description="given_up: the disk was full, and this one was the oldest, or could not be written"),
]
LOST = "gateway_died"  # why a call ended whose gateway was gone before it could say why


# ── entries: each one says all it knows, so writing it twice is no different from writing it once ──────────────────


class CallBegan(Struct, frozen=True, tag="began", kw_only=True):
    """A call was answered."""

    call: str
    keeper: str  # the process that keeps it
    began: float
    line: str
    codec: str
    rate: int
    caller: str
    mode: str
    agent: str
    stt: str
    llm: str
    llm_model: str
    tts: str
    tts_voice: str
    recording: Recording


class ReplyEnded(Struct, frozen=True, tag="replied", kw_only=True):
    """A reply is over, or was cut off; `turn` 0 was not asked for."""

    call: str
    reply: int
    turn: int
    speech_began_at: float | None
    speech_ended_at: float | None
    heard_at: float | None
    heard: str  # what the caller said
    said: str  # what the agent meant to say
    reached: str  # what of it the caller heard
    audio_at: float | None
    done_at: float | None
    cut: bool  # by the caller
    stages: dict[str, float]  # → milliseconds
    wasted: int  # answers prepared for nothing before this one


class DecisionMade(Struct, frozen=True, tag="decided", kw_only=True):
    """Something was decided, and why."""

    call: str
    number: int
    at: float
    turn: int
    what: Literal["turn_ended", "barge_in", "false_interruption", "error"]
    detector: str  # who decided
    score: float | None  # its opinion, 0 to 1
    silence_ms: float | None  # counted in the caller's samples
    reason: str


class RecordingFinished(Struct, frozen=True, tag="taped", kw_only=True):
    """What became of a call's recording."""

    call: str
    recording: Recording
    seconds: float
    size: int  # bytes


class CallOver(Struct, frozen=True, tag="over", kw_only=True):
    """A call is over."""

    call: str
    ended: float
    seconds: float
    turns: int
    reason: str


Entry = CallBegan | ReplyEnded | DecisionMade | RecordingFinished | CallOver
encode = msgspec.json.Encoder().encode
decode: "msgspec.json.Decoder[Entry]" = msgspec.json.Decoder(Entry)


# ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────


class KeptCall(Struct, frozen=True, kw_only=True):
    """A call as the list shows it."""

    id: str
    began: Annotated[float, Meta(description="seconds since 1970, UTC")]
    seconds: Annotated[float | None, Meta(description="null: it is under way")]
    reason: Annotated[str, Meta(description="why it ended; empty: it is under way")]
    line: str
    codec: str
    rate: int
    caller: Annotated[str, Meta(description="as the caller's program named them; empty: it did not")]
    mode: str
    agent: str
    stt: str
    llm: str
    llm_model: str
    tts: str
    tts_voice: str
    turns: Annotated[int, Meta(description="of the caller's")]
    recording: Recording
    recording_bytes: int


class KeptTurn(Struct, frozen=True, kw_only=True):
    """One reply and what it was about. Times are seconds of caller audio, which the recording counts in too."""

    turn: Annotated[int, Meta(description="0: nobody had asked, such as the greeting")]
    reply: int
    speech_began_at: float | None
    speech_ended_at: float | None
    heard_at: float | None
    heard: Annotated[str, Meta(description="what the caller said")]
    said: Annotated[str, Meta(description="what the agent meant to say")]
    reached: Annotated[str, Meta(description="what of it the caller heard")]
    audio_at: float | None
    done_at: float | None
    cut: Annotated[bool, Meta(description="the caller talked over it")]
    wasted: Annotated[int, Meta(description="answers prepared for nothing before it")]
    stages: Annotated[dict[str, float], Meta(description="stage → milliseconds, as in the event `reply_metrics`")]


class KeptDecision(Struct, frozen=True, kw_only=True):
    """A decision, and why."""

    at: float
    turn: int
    what: str
    detector: str
    score: float | None
    silence_ms: float | None
    reason: str


class KeptToolCall(Struct, frozen=True, kw_only=True):
    """A tool that the agent used."""

    at: float
    turn: int
    tool: str
    arguments: str
    result: str
    ms: float | None


class WholeCall(Struct, frozen=True, kw_only=True):
    """All that is kept of one call, but its sound."""

    call: KeptCall
    turns: tuple[KeptTurn, ...]
    decisions: tuple[KeptDecision, ...]
    tool_calls: tuple[KeptToolCall, ...]


class CallPage(Struct, frozen=True):
    """Some of the calls, the newest first."""

    calls: tuple[KeptCall, ...]
    next: Annotated[str, Meta(description="`before` of the page of older ones; empty: there is none")]


class Waveform(Struct, frozen=True):
    """How loud each voice is over a recording, for a picture of it."""

    seconds: float
    caller: Annotated[tuple[int, ...], Meta(description="loudest sample of each equal stretch, 0 to 100")]
    agent: tuple[int, ...]


class DeletedCalls(Struct, frozen=True):
    """What was deleted."""

    calls: tuple[str, ...]
    under_way: Annotated[tuple[str, ...], Meta(description="calls that have not ended, and were left alone")]
