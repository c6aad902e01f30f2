"""What carriers say of a call of ours, in our words. Pure."""

import json

from lineside.gateway.carriers.account import RestAnswer
from lineside.gateway.carriers.placing import CallProgress
from lineside.reasons import DialResult
from lineside.transports.dialer import DialOutcome

STATES = {
    "ringing": "ringing", "initiated": "", "queued": "", "started": "",
    "in-progress": "answered", "answered": "answered",
}  # fmt: skip
# CallStatus of Twilio, SignalWire and Plivo; status of Vonage; hangup_cause of Telnyx; causes of Plivo.
ENDS: dict[str, DialResult] = {
    "busy": "busy", "user_busy": "busy", "busy line": "busy",
    "no-answer": "no_answer", "no_answer": "no_answer", "timeout": "no_answer", "unanswered": "no_answer",
    "rejected": "rejected", "call_rejected": "rejected",
    "not_found": "invalid", "invalid destination address": "invalid",
    "canceled": "cancelled", "cancelled": "cancelled", "cancel": "cancelled", "originator_cancel": "cancelled",
    "failed": "failed", "completed": "failed", "normal_clearing": "failed", "unspecified": "failed",
    "time_limit": "failed",
}  # fmt: skip
SIP_CAUSES: dict[str, DialResult] = {"486": "busy", "603": "rejected", "404": "invalid", "484": "invalid"}


def progress_of(status: str, detail: str = "") -> CallProgress:
    """A carrier's word for how a call stands; `detail`: why, where it says so. An unknown word means nothing."""
    word, more = status.strip().lower(), detail.strip().lower()
    if word in STATES:
        return CallProgress(STATES[word])
    if word not in ENDS:
        return CallProgress()
    result = ENDS.get(more) or SIP_CAUSES.get(more) or ENDS[word]
    if result == "failed" and word != "failed":
        result = ENDS[word]
    return CallProgress("over", DialOutcome(result, " ".join(f"{status} {detail}".split())[:200]))


def placed_call_id(answer: RestAnswer, name: str) -> str:
    """What a carrier calls a call that it has taken; empty: it has not."""
    if answer.status >= 300:
        return ""
    try:
        body = json.loads(answer.text)
        found = body.get("data", body).get(name, "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return found if isinstance(found, str) and len(found) <= 200 else ""


def refused_outcome(answer: RestAnswer) -> DialOutcome:
    """A carrier has not taken a call: its number is wrong, or something else is."""
    wrong = answer.status in (400, 422)
    return DialOutcome("invalid" if wrong else "failed", f"the carrier refuses the call: HTTP {answer.status}")
