"""The call over a WebSocket, whole: what a caller's program may say and what lineside answers.

Text messages are JSON; binary messages are sound, raw, in the codec of the first message. `docs/protocol.md` explains
each and is tested against this file.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from lineside.answered_by import AnsweredBy as AnsweredBy  # noqa: PLC0414 - read from here too
from lineside.client_tools import ClientToolCall, ClientToolList
from lineside.client_tools import ToolResult as ToolResult  # noqa: PLC0414 - read from here too
from lineside.errors import ErrorCode
from lineside.event_base import Event, InTurn
from lineside.line_events import CallTaken as CallTaken  # noqa: PLC0414 - read from here too
from lineside.reasons import EndReason as EndReason  # noqa: PLC0414 - read from here too
from lineside.reasons import OperatorAct, TransferAskedBy, TransferResult, UnansweredReason
from lineside.reasons import TurnEndedBy as TurnEndedBy  # noqa: PLC0414
from lineside.task_events import SlotFilled, TaskMoved, ToolCalled

Codec = Literal["pcm", "g711_ulaw", "g711_alaw"]
Mode = Literal["conversation", "transcribe_only"]
Name = Annotated[str, Meta(max_length=200)]
LongText = Annotated[str, Meta(max_length=20_000)]

G711_RATE = 8000


# ── from the caller ────────────────────────────────────────────────────────────────────────────────────────────────


class FirstMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """The first message: who calls, in which codec, and who shall answer. Only `codec` has no default."""

    codec: Codec
    sample_rate: Annotated[int, Meta(ge=8000, le=48000)] | UnsetType = UNSET  # 16000; 8000 for G.711
    mode: Mode = "conversation"
    stt_engine: Name = ""
    llm_engine: Name = ""
    llm_model: Name = ""
    tts_engine: Name = ""
    tts_voice: Name = ""
    system_prompt: LongText | None = None
    turn_profile: Literal["", "silence", "fast", "balanced", "patient", "digits"] = ""  # empty: TURN_PROFILE
    greeting: LongText | None = None  # an empty one: say nothing first
    tools: bool = True  # false: nothing outside is called, as by a load test
    client_tools: ClientToolList = ()  # what this program runs itself
    test: bool = False  # no customer's call: kept with the line `test`, told to no webhook
    caller: Name = ""  # who calls, such as a number; kept with the call
    record: bool | None = None  # whether the sound is kept; null: RECORD_CALLS
    draft: Name = ""  # of POST /api/agent/draft: it answers in the agent's place

    @property
    def rate(self) -> int:
        """Samples a second, both ways."""
        if self.sample_rate is UNSET:
            return 16_000 if self.codec == "pcm" else G711_RATE
        return self.sample_rate


class ResumeRequest(Struct, frozen=True, tag="resume", forbid_unknown_fields=True):
    """The first message of a connection that goes on with a call whose connection broke: `/ws/call/CALL_ID`."""

    token: Name  # `resume_token` of the latest `ready` or `resumed`
    received: Annotated[int, Meta(ge=0)]  # messages of the call so far, sound included; a `resumed` does not count


class Text(Struct, frozen=True, tag="text", forbid_unknown_fields=True):
    """Typed instead of spoken: a turn of its own."""

    text: Annotated[str, Meta(min_length=1, max_length=4000)]


class Dtmf(Struct, frozen=True, tag="dtmf", forbid_unknown_fields=True):
    """Keys pressed: a turn of their own."""

    digits: Annotated[str, Meta(pattern=r"^[0-9A-D*#]{1,32}$")]


class HangUp(Struct, frozen=True, tag="hangup", forbid_unknown_fields=True):
    """The caller goes."""


ClientMessage = Text | Dtmf | ToolResult | HangUp


# ── from lineside ──────────────────────────────────────────────────────────────────────────────────────────────────


class Ready(Struct, frozen=True, tag="ready"):
    """The call is up; sound may flow."""

    call_id: str
    codec: Codec
    sample_rate: int
    engines: dict[str, str]  # role → engine that was chosen, such as auto
    answering: dict[str, AnsweredBy] = {}  # role → who answers as things stand, with which model or voice
    resume_token: str = ""  # goes on with this call over another connection; keep it secret. Empty: RESUME_S is 0
    resume_s: float = 0.0  # seconds that the call waits for that


class Resumed(Struct, frozen=True, tag="resumed"):
    """The call goes on over this connection. What had not been received comes again, right after this."""

    call_id: str
    resume_token: str  # the next one; the one before is void
    next: int  # the number of the message after this one, counted as `received` is: what is missing before it is lost
    received: int  # the caller's messages that have come since their first; what they sent after these, they send again


class Reconnecting(Event, frozen=True, tag="reconnecting"):
    """The caller's connection broke; the call waits. Their program is told only once it is back."""


class Reconnected(Event, frozen=True, tag="reconnected"):
    """The caller is back."""

    away_ms: float  # since lineside noticed; 0 where the new connection came before it did
    unheard_ms: float  # of the agent's sound that had not been received, and came again


class TurnStarted(InTurn, frozen=True, tag="turn_started"):
    """The caller has begun; `at` is where."""


class TurnEnded(InTurn, frozen=True, tag="turn_ended"):
    """The caller's turn is over; `at` is its last sample of speech. Why it counts as over stands here too."""

    by: TurnEndedBy = "silence"
    score: float | None = None  # the turn model's probability that it is over, where it was asked
    silence_ms: float | None = None  # in the caller's samples


class PartialTranscript(InTurn, frozen=True, tag="partial_transcript"):
    """What was heard so far; it may still change."""

    text: str


class Transcript(InTurn, frozen=True, tag="transcript"):
    """What the caller said."""

    text: str
    latency_ms: float  # since the end of speech


class ReasoningToken(InTurn, frozen=True, tag="reasoning_token"):
    """A token of reasoning: shown, never spoken."""

    token: str


class LlmToken(InTurn, frozen=True, tag="llm_token"):
    """A token of the answer."""

    token: str


class ReplyText(InTurn, frozen=True, tag="reply_text"):
    """The answer is thought to its end."""

    text: str


class Unanswered(InTurn, frozen=True, tag="unanswered"):
    """The agent could not answer the caller's question; kept for who improves the agent."""

    why: UnansweredReason


class TransferRequested(InTurn, frozen=True, tag="transfer_requested"):
    """The caller is to be put through to a person: they asked for one, or the agent has promised it."""

    by: TransferAskedBy


class TransferDone(InTurn, frozen=True, tag="transfer_done"):
    """The caller was put through, or could not be and goes on talking to the agent."""

    to: str  # a number, a SIP address or a queue
    result: TransferResult


class AudioStarted(InTurn, frozen=True, tag="audio_started"):
    """The first sound of the reply goes out now."""

    latency_ms: float  # since the end of speech
    filler: bool = False  # the sound is a filler, such as "Let me see."; the answer's own latency is `e2e_ms`


class AgentWords(InTurn, frozen=True, tag="agent_words"):
    """Words of the answer, as they are written, are in the sound that goes out now; markdown and spaces included."""

    text: str
    ends: float  # seconds of this reply's sound, "One moment, please." included, after which they have been heard
    filler: bool = False  # said while the answer was late: no part of the answer, nor of what the model is told


class AudioDone(InTurn, frozen=True, tag="audio_done"):
    """The last sound of the reply has been heard."""


class BargeIn(InTurn, frozen=True, tag="barge_in"):
    """The caller talked over the reply, which stopped at the `clear` before this."""

    heard: str  # the words of it that reached the caller


class Clear(InTurn, frozen=True, tag="clear"):
    """Forget all audio that has not been played yet. What follows may go on from the very sample where it stopped."""


class FalseInterruption(InTurn, frozen=True, tag="false_interruption"):
    """A sound over the reply was no interruption; the reply goes on where it was held."""

    text: str  # what the caller said, such as "mm-hm"; empty for a noise


class ReplyMetrics(InTurn, frozen=True, tag="reply_metrics"):
    """Where the time of this reply went, in milliseconds; null where a stage had no part in it."""

    endpoint_ms: float | None = None  # end of speech → end of turn decided
    asr_ms: float | None = None
    llm_first_ms: float | None = None  # asked → first token
    llm_ms: float | None = None  # asked → last token
    tts_first_ms: float | None = None  # first sentence given → its first sound
    tts_ms: float | None = None  # spent in synthesis, all sentences
    e2e_ms: float | None = None  # end of speech → first audio of the answer; a filler does not count
    asr_from_ms: float | None = None  # end of speech → recogniser asked; below 0 if that was before
    llm_from_ms: float | None = None  # the same, the model
    tts_from_ms: float | None = None  # the same, the voice
    wasted: int = 0  # answers prepared in pauses of this turn, after which the caller went on
    wasted_ms: float | None = None  # spent on them
    wasted_from_ms: float | None = None  # end of speech → the last of them was begun
    engines: dict[str, AnsweredBy] = msgspec.field(
        default_factory=dict
    )  # role → who answered; without roles that had no part in it


class OperatorActed(Event, frozen=True, tag="operator_acted"):
    """An operator listens to the call, speaks in it as the agent, or takes it over; kept for who audits calls."""

    what: OperatorAct


class Error(Event, frozen=True, tag="error"):
    """Something went wrong; after a fatal one the call ends."""

    code: ErrorCode
    message: str
    fatal: bool


class Ended(Event, frozen=True, tag="ended"):
    """The call is over."""

    reason: EndReason


ServerMessage = (
    Ready
    | Resumed
    | Reconnecting
    | Reconnected
    | TurnStarted
    | TurnEnded
    | PartialTranscript
    | Transcript
    | ReasoningToken
    | LlmToken
    | ReplyText
    | Unanswered
    | TransferRequested
    | TransferDone
    | AudioStarted
    | AgentWords
    | AudioDone
    | BargeIn
    | Clear
    | FalseInterruption
    | ReplyMetrics
    | ToolCalled
    | ClientToolCall
    | SlotFilled
    | TaskMoved
    | OperatorActed
    | CallTaken
    | Error
    | Ended
)

encode = msgspec.json.Encoder().encode
decode_server: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)
