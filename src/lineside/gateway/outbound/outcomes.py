"""What became of a call of ours, in one word: of what the line says, who took it, and how it ended. Pure."""

from lineside.reasons import AnsweredAs, DialResult, OutboundOutcome
from lineside.transports.dialer import DialOutcome

NOT_ANSWERED: dict[DialResult, OutboundOutcome] = {
    "busy": "busy",
    "no_answer": "no_answer",
    "rejected": "rejected",
    "invalid": "invalid",
    "failed": "failed",
    "cancelled": "cancelled",
}
TAKEN: dict[AnsweredAs, OutboundOutcome] = {
    "human": "answered_human",
    "voicemail": "voicemail",
    "screening": "screened",
    "ivr": "ivr",
    "unknown": "answered_unknown",
}


def outcome_of(dialled: DialOutcome, answered_as: AnsweredAs | None) -> OutboundOutcome:
    """The outcome of a call that is over."""
    if dialled.result != "answered":
        return NOT_ANSWERED[dialled.result]
    if dialled.ended == "voicemail_left":
        return "voicemail_left"
    return TAKEN[answered_as or "unknown"]
