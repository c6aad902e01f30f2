"""What webhooks are told of calls. Callers' words are in none of it: a receiver fetches the call by its id."""

from collections.abc import Callable
from typing import Any

from lineside.call.observers import Observer
from lineside.gateway.alerts import Alerts, Tells
from lineside.observability.active_call import ActiveCall
from lineside.protocol import Ended, ReplyMetrics, ServerMessage, TransferRequested
from lineside.reasons import WebhookEvent
from lineside.transports.call_facts import TEST_LINE


class CallAnnouncer(Observer):
    """Announces one call: its start when it is answered, a wish for a person, its end."""

    def __init__(self, tell: Tells, alerts: Alerts, now: Callable[[], ActiveCall]) -> None:
        """`now` says how the call stands."""
        self._tell, self._now, self._alerts = tell, now, alerts

    def answered(self) -> None:
        """The call is up."""
        self._tell_of_call("call_started", {})

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        match event:
            case TransferRequested(by=by, turn=turn):
                self._tell_of_call("transfer_requested", {"by": by, "turn": turn})
            case ReplyMetrics(engines=engines):
                for role, one in engines.items():
                    if one.why:
                        self._alerts.fallback(f"{role}: {one.instead_of} {one.why}, {one.engine} answers")
            case Ended(reason=reason):
                self._tell_of_call("call_ended", {"reason": reason})

    def _tell_of_call(self, event: WebhookEvent, more: dict[str, Any]) -> None:
        """A test call is no customer's: no receiver hears of it."""
        if (call := self._now()).line != TEST_LINE:
            self._tell(event, _about(call) | more)


def _about(call: ActiveCall) -> dict[str, Any]:
    return {
        "call": call.id,
        "line": call.line,
        "direction": call.direction,
        "caller": call.caller,
        "called": call.called,
        "seconds": call.seconds,
        "turns": call.turns,
        "asked_for_person": call.asked_for_person,
        "unanswered": call.unanswered,
        "fallbacks": call.fallbacks,
    }
