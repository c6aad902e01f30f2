"""Why: the fixed words with which events and records give reasons. `docs/protocol.md` explains each."""

from typing import Literal

TurnEndedBy = Literal["silence", "evidence", "limit"]
EndReason = Literal[
    "caller_hung_up",
    "line_lost",
    "caller_silent",
    "caller_repeats",
    "called_too_often",
    "engines_failed",
    "idle",
    "too_long",
    "agent_said_goodbye",
    "ended_by_operator",
    "drained",
    "transferred",
    "voicemail",
    "voicemail_left",
    "busy",
    "no_answer",
    "rejected",
    "not_reached",
    "cancelled",
    "no_audio",
    "asked_for_person",
    "server_stopping",
    "too_fast",
    "too_many_messages",
    "too_many_turns",
    "caller_not_reading",
    "odd_length",
    "frame_too_large",
    "bad_message",
    "internal_error",
]

# Why another engine answered than the one that should have.
FallbackReason = Literal["", "too slow", "failed", "busy", "not running", "not downloaded", "no key"]

WebhookEvent = Literal["call_started", "call_ended", "transfer_requested", "call_outcome", "alert", "test"]
# How an engine stands. `unchecked`: it cannot be asked.
EngineState = Literal[
    "available",
    "unchecked",
    "too slow",
    "failed",
    "busy",
    "not running",
    "not downloaded",
    "no key",
    "not installed",
    "not configured",
]

WebhookOutcome = Literal["delivered", "failed", "dropped"]

# Why a question has no answer.
UnansweredReason = Literal["not_known", "engine_failed", "asked_for_person"]
OperatorAct = Literal["listens", "leaves", "takes_over", "hands_back", "says"]
TransferResult = Literal["transferred", "busy", "no_answer", "rejected", "invalid", "failed"]
TransferAskedBy = Literal["caller", "agent", "operator"]

# What became of a call that lineside made.
DialResult = Literal["answered", "busy", "no_answer", "rejected", "invalid", "failed", "cancelled"]
# Who or what took a call of lineside's own, by what it said and how it sounded.
AnsweredAs = Literal["human", "voicemail", "screening", "ivr", "unknown"]
OnVoicemail = Literal["hang_up", "leave_message", "continue"]
DialState = Literal["dialling", "ringing", "talking", "over"]
OutboundOutcome = Literal[
    "answered_human",
    "answered_unknown",
    "voicemail",
    "voicemail_left",
    "screened",
    "ivr",
    "busy",
    "no_answer",
    "rejected",
    "invalid",
    "failed",
    "cancelled",
]
# What a call of lineside's own is refused for, before anything is dialled.
BlockedBy = Literal[
    "bad_number",
    "not_allowed",
    "do_not_call",
    "consent",
    "timezone",
    "hours",
    "attempts",
    "per_minute",
    "at_once",
    "full",
    "no_line",
]
