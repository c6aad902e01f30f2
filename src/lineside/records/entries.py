"""What is kept, as values: entries on their way to the database, and answers from it.

Moments are seconds since 1970 (UTC); `at` and names that end in `_at` are seconds of caller audio since the call began.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from lineside.protocol import AnsweredBy
from lineside.reasons import UnansweredReason
from lineside.records.business_entries import BusinessEntry, KeptSlot, KeptTask, KeptToolCall

Recording = Annotated[
    Literal["none", "running", "kept", "given_up"],
    Meta(description="given_up: the recording was deleted to make room on the disk, or could not be written"),
]
LOST = "gateway_died"  # the end reason of a call whose process died before it could give one


# ── entries: each one is complete in itself, so writing an entry twice changes nothing ──────────────────────────────


class CallBegan(Struct, frozen=True, tag="began", kw_only=True):
    """A call was answered."""

    call: str
    keeper: str  # the process that keeps the call's records: the name of its spool folder
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
    agent_version: str = ""
    direction: str = "inbound"
    called: str = ""
    diverted_from: str = ""
    carrier_call_id: str = ""


class TurnBegan(Struct, frozen=True, tag="turn", kw_only=True):
    """The caller began a turn, spoken or typed; `turns` counts this one too."""

    call: str
    turns: int


class ReplyKept(Struct, frozen=True, tag="reply", kw_only=True):
    """A reply as far as it is known; a later entry of the same reply replaces this one. `turn` 0: nobody had asked."""

    call: str
    reply: int
    turn: int
    speech_began_at: float | None
    speech_ended_at: float | None
    heard_at: float | None
    heard: str  # what the caller said
    said: str  # what the agent meant to say
    reached: str  # the words of the answer that the caller heard
    audio_at: float | None
    done_at: float | None
    cut: bool  # the caller interrupted the reply
    stages: dict[str, float]  # → milliseconds
    wasted: int  # answers prepared for nothing before this one
    engines: dict[str, AnsweredBy] = {}  # role → who answered
    filler: str = ""  # said while the answer was late
    unanswered: str = ""  # an `UnansweredReason`


class PersonAsked(Struct, frozen=True, tag="person", kw_only=True):
    """The caller is to be put through to a person."""

    call: str


class DecisionMade(Struct, frozen=True, tag="decided", kw_only=True):
    """A turn-taking decision, and its reason."""

    call: str
    number: int
    at: float
    turn: int
    what: Literal["turn_ended", "barge_in", "false_interruption", "error", "reconnected", "operator", "line"]
    detector: str  # which detector decided
    score: float | None  # the detector's probability, 0 to 1
    silence_ms: float | None  # counted in the caller's samples
    reason: str


class RecordingFinished(Struct, frozen=True, tag="recording", kw_only=True):
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
    transferred_to: str = ""  # where the caller was handed on to, if they were


Entry = BusinessEntry | CallBegan | TurnBegan | ReplyKept | PersonAsked | DecisionMade | RecordingFinished | CallOver
encode = msgspec.json.Encoder().encode
decode: "msgspec.json.Decoder[Entry]" = msgspec.json.Decoder(Entry)


# ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────


class KeptCall(Struct, frozen=True, kw_only=True):
    """A call as the list shows it."""

    id: str
    began: Annotated[float, Meta(description="seconds since 1970, UTC")]
    seconds: Annotated[float | None, Meta(description="null: the call is under way")]
    reason: Annotated[str, Meta(description="why the call ended; empty: it is under way")]
    line: str
    codec: str
    rate: int
    caller: Annotated[str, Meta(description="as the caller's program named them; empty: it did not")]
    mode: str
    agent: str
    stt: Annotated[str, Meta(description="STT engine as chosen, or the default's name; `answered` says which did")]
    llm: Annotated[str, Meta(description="LLM engine as chosen")]
    llm_model: Annotated[str, Meta(description="model as chosen; empty: the engine's own")]
    tts: Annotated[str, Meta(description="TTS engine as chosen")]
    tts_voice: Annotated[str, Meta(description="voice as chosen; empty: the engine's own")]
    turns: Annotated[int, Meta(description="turns of the caller, spoken or typed; the one under way is counted")]
    recording: Recording
    recording_bytes: int
    agent_version: Annotated[str, Meta(description="as in GET /api/agent/versions")] = ""
    asked_for_person: Annotated[bool, Meta(description="the caller asked for a person, or was promised one")] = False
    outcome: Annotated[str, Meta(description="what came of the call, in an operator's word")] = ""
    tags: Annotated[tuple[str, ...], Meta(description="an operator's")] = ()
    note: Annotated[str, Meta(description="an operator's")] = ""
    unanswered: Annotated[int, Meta(description="questions without an answer")] = 0
    fallbacks: Annotated[int, Meta(description="replies of another engine than should have answered")] = 0
    direction: Annotated[str, Meta(description="inbound or outbound")] = "inbound"
    called: Annotated[str, Meta(description="the number that was called; empty: not known")] = ""
    diverted_from: Annotated[str, Meta(description="the number that was called first, where it was forwarded")] = ""
    carrier_call_id: Annotated[str, Meta(description="what the carrier or the PBX calls the call")] = ""
    transferred_to: Annotated[str, Meta(description="where the caller was handed on to; empty: they were not")] = ""
    first_words: Annotated[str, Meta(description="what the caller said first")] = ""
    slowest_ms: Annotated[float | None, Meta(description="the longest response time (`e2e_ms`) of the call")] = None
    answered: Annotated[
        dict[str, AnsweredBy], Meta(description="role → who answered in it last; a role that nobody played is left out")
    ] = {}


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
    engines: Annotated[dict[str, AnsweredBy], Meta(description="role → who answered; empty in older calls")] = {}
    filler: Annotated[str, Meta(description="what the caller heard while the answer was late")] = ""
    unanswered: Annotated[str, Meta(description="why there is no answer; empty: there is one")] = ""


class KeptDecision(Struct, frozen=True, kw_only=True):
    """A decision, and why."""

    at: float
    turn: int
    what: str
    detector: str
    score: float | None
    silence_ms: float | None
    reason: str


class WholeCall(Struct, frozen=True, kw_only=True):
    """All that is kept of one call, except its sound."""

    call: KeptCall
    turns: tuple[KeptTurn, ...]
    decisions: tuple[KeptDecision, ...]
    tool_calls: tuple[KeptToolCall, ...] = ()
    slots: tuple[KeptSlot, ...] = ()
    tasks: tuple[KeptTask, ...] = ()


class CallQuery(Struct, frozen=True, kw_only=True):
    """Which calls are asked for; what is left out narrows nothing."""

    search: str = ""  # words that all appear in the call, in any order and place; "in quotes": one after the other
    caller: str = ""
    line: str = ""
    test: bool | None = None  # true: test calls only; false: all others
    agent: str = ""
    reason: str = ""  # `live`: calls under way
    since: float | None = None  # began at or after this moment
    until: float | None = None
    shortest: float | None = None  # seconds
    longest: float | None = None
    recorded: bool | None = None
    slow_ms: float | None = None  # at least one response time was this long or longer
    asked_for_person: bool | None = None
    unanswered: bool | None = None  # at least one question has no answer
    fallback: bool | None = None  # another engine answered than should have
    outcome: str = ""
    tag: str = ""
    ids: str = ""  # these calls only, with commas between them


class CallPage(Struct, frozen=True):
    """Some of the calls, the newest first."""

    calls: tuple[KeptCall, ...]
    next: Annotated[str, Meta(description="`before` for the page of older calls; empty: there are none")]
    total: Annotated[int, Meta(description="calls that match, on all pages")]


class CallNotes(Struct, frozen=True):
    """What an operator wrote about a call."""

    outcome: str
    tags: tuple[str, ...]
    note: str


class AskedAt(Struct, frozen=True):
    """Where a question was asked."""

    call: str
    reply: int
    began: Annotated[float, Meta(description="of the call, in seconds since 1970")]
    at: Annotated[float | None, Meta(description="end of the question, in seconds of the call")]
    heard: Annotated[str, Meta(description="the question, in this caller's words")]
    said: Annotated[str, Meta(description="what the agent said instead of an answer")]


class UnansweredQuestion(Struct, frozen=True):
    """A question that the agent could not answer, and everybody who asked it in much the same words."""

    question: Annotated[str, Meta(description="in the newest caller's words")]
    why: UnansweredReason
    agent: str
    times: int
    last: Annotated[float, Meta(description="when it was asked last, in seconds since 1970")]
    asked: Annotated[tuple[AskedAt, ...], Meta(description="the newest first, at most 20")]


class UnansweredQuestions(Struct, frozen=True):
    """The questions that agents could not answer, the most frequent first."""

    questions: tuple[UnansweredQuestion, ...]
    turns: Annotated[int, Meta(description="turns that were looked through: the newest 2000 at most")]


class Waveform(Struct, frozen=True):
    """How loud each voice is over a recording, for a picture of it."""

    seconds: float
    caller: Annotated[tuple[int, ...], Meta(description="loudest sample of each equal stretch, 0 to 100")]
    agent: tuple[int, ...]


class DeletedCalls(Struct, frozen=True):
    """What was deleted."""

    calls: tuple[str, ...]
    under_way: Annotated[tuple[str, ...], Meta(description="calls that have not ended and were not deleted")]
    wiped: Annotated[
        bool,
        Meta(
            description="true: no byte is left on the disk; false: another program reads the database, so that its log "
            "cannot be emptied yet. lineside tries again until it can"
        ),
    ] = True
