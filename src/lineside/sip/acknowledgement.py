"""A 2xx to an INVITE is sent again until its ACK comes, by whoever holds the call (RFC 3261, 13.3.1.4). Pure."""

from collections.abc import Callable

from lineside.sip.message import SipRequest, SipResponse
from lineside.sip.timers import Timer, TimerQueue
from lineside.sip.transactions import GIVE_UP, T1, T2, ServerTransaction


class AwaitedAck:
    """One 2xx that waits for its ACK."""

    def __init__(
        self,
        transaction: ServerTransaction,
        response: SipResponse,
        timers: TimerQueue,
        on_ack: Callable[[SipRequest], None],
        on_never: Callable[[], None],
    ) -> None:
        """`on_never`: no ACK came in 32 seconds, and the call is to be ended."""
        self.sequence = transaction.request.sequence
        self.over = False
        self._transaction, self._response, self._timers = transaction, response, timers
        self._on_ack, self._on_never = on_ack, on_never
        self._waited = 0.0
        self._next: Timer | None = None
        self._send(T1)

    def receive(self, ack: SipRequest) -> None:
        """An ACK came; one that comes again, or for another INVITE, is passed over."""
        if self.over or ack.sequence != self.sequence:
            return
        self.stop()
        self._on_ack(ack)

    def stop(self) -> None:
        """The call is over."""
        self.over = True
        if self._next is not None:
            self._next.cancel()

    def _send(self, pause: float) -> None:
        self._transaction.respond(self._response)
        pause = min(pause, GIVE_UP - self._waited)
        self._next = self._timers.after(pause, lambda: self._again(pause))

    def _again(self, waited: float) -> None:
        self._waited += waited
        if self._waited >= GIVE_UP:
            self.over = True
            self._on_never()
        else:
            self._send(min(2 * waited, T2))
