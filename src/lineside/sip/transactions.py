"""Transactions: what is sent again, what is absorbed, when to give up (RFC 3261, section 17; RFC 6026). Pure.

Every transaction has a timer that ends it: none outlives its peer.
"""

from collections.abc import Callable
from typing import Literal

from lineside.sip.flow import Flow
from lineside.sip.message import SipRequest, SipResponse
from lineside.sip.timers import Timer, TimerQueue
from lineside.sip.via import MAGIC

T1, T2, T4 = 0.5, 4.0, 5.0  # seconds (RFC 3261, table 4)
GIVE_UP = 64 * T1  # timers B, F, H, J, L and M
TIMER_D = 32.0

Send = Callable[[Flow, bytes], None]
ServerState = Literal["trying", "proceeding", "completed", "confirmed", "accepted", "over"]
ClientState = Literal["calling", "proceeding", "completed", "accepted", "over"]
Key = tuple[str, ...]


def server_key(request: SipRequest, method: str = "") -> Key:
    """What names the transaction that a request belongs to (RFC 3261, section 17.2.3). Raises `BadSip`.

    Args:
        request: any request.
        method: of the transaction, where it is another's: a CANCEL or an ACK looks for its INVITE.
    """
    via, method = request.via, method or ("INVITE" if request.method == "ACK" else request.method)
    if via.branch.startswith(MAGIC) and len(via.branch) > len(MAGIC):
        return via.branch, via.sent_by, method
    return request.call_id, request.from_tag, str(request.sequence), via.sent_by, via.branch, method


class ServerTransaction:
    """One request from outside and its responses."""

    def __init__(self, request: SipRequest, flow: Flow, timers: TimerQueue, send: Send) -> None:
        self.request, self.flow = request, flow
        self.state: ServerState = "trying"
        self.on_over: Callable[[], None] = lambda: None
        self.on_unacknowledged: Callable[[], None] = lambda: None  # nobody acknowledged a refusal
        self._timers, self._send = timers, send
        self._latest = b""
        self._resending: Timer | None = None
        self._ending: Timer | None = None

    @property
    def invites(self) -> bool:
        """Whether it is an INVITE's."""
        return self.request.method == "INVITE"

    def respond(self, response: SipResponse) -> None:
        """Send a response. One after the final one is not sent, except that a 2xx may be sent again."""
        if self.state in ("completed", "confirmed", "over") or (self.state == "accepted" and response.status >= 300):
            return
        self._latest = bytes(response)
        self._send(self.flow, self._latest)
        if response.status < 200:
            self.state = "proceeding"
        elif not self.invites:
            self.state = "completed"
            self._end_in(0.0 if self.flow.reliable else GIVE_UP)
        elif response.status < 300:
            if self.state != "accepted":
                self.state = "accepted"
                self._end_in(GIVE_UP)
        else:
            self.state = "completed"
            self._end_in(GIVE_UP, self._nobody_acknowledged)
            if not self.flow.reliable:
                self._resend_in(T1)

    def receive(self, request: SipRequest) -> None:
        """The request came again, or the ACK of a refusal."""
        if request.method == "ACK":
            if self.state == "completed":
                self.state = "confirmed"
                self._stop_resending()
                self._end_in(0.0 if self.flow.reliable else T4)
        elif self.state in ("proceeding", "completed") and self._latest:
            self._send(self.flow, self._latest)

    def end(self) -> None:
        """It is over."""
        if self.state == "over":
            return
        self.state = "over"
        self._stop_resending()
        if self._ending is not None:
            self._ending.cancel()
        self.on_over()

    def _resend_in(self, seconds: float) -> None:
        self._resending = self._timers.after(seconds, lambda: self._resend(seconds))

    def _resend(self, waited: float) -> None:
        self._send(self.flow, self._latest)
        self._resend_in(min(2 * waited, T2))

    def _nobody_acknowledged(self) -> None:
        self.on_unacknowledged()
        self.end()

    def _end_in(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self._timers.after(seconds, then or self.end)

    def _stop_resending(self) -> None:
        if self._resending is not None:
            self._resending.cancel()
            self._resending = None


class ClientTransaction:
    """One request of ours and its responses."""

    def __init__(
        self,
        request: SipRequest,
        flow: Flow,
        timers: TimerQueue,
        send: Send,
        on_response: Callable[[SipResponse | None], None],
    ) -> None:
        """`on_response` hears every response but those that came before; None: nobody answered in time."""
        self.request, self.flow = request, flow
        self.state: ClientState = "calling"
        self.on_over: Callable[[], None] = lambda: None
        self._timers, self._send, self._on_response = timers, send, on_response
        self._ending: Timer | None = None
        self._resending: Timer | None = None

    @property
    def invites(self) -> bool:
        """Whether it is an INVITE's."""
        return self.request.method == "INVITE"

    def begin(self) -> None:
        """Send the request."""
        self._send(self.flow, bytes(self.request))
        self._end_in(GIVE_UP, self._nobody_answered)
        if not self.flow.reliable:
            self._resend_in(T1)

    def receive(self, response: SipResponse) -> None:
        """A response came."""
        if self.state in ("completed", "over"):
            if self.state == "completed" and self.invites and response.status >= 300:
                self._acknowledge(response)  # ours was lost
            return
        if self.state == "accepted":
            if 200 <= response.status < 300:
                self._on_response(response)
            return
        if response.status < 200:
            self._provisional(response)
            return
        self._stop_resending()
        if not self.invites:
            self.state = "completed"
            self._end_in(0.0 if self.flow.reliable else T4)
        elif response.status < 300:
            self.state = "accepted"
            self._end_in(GIVE_UP)
        else:
            self.state = "completed"
            self._acknowledge(response)
            self._end_in(0.0 if self.flow.reliable else TIMER_D)
        self._on_response(response)

    def end(self) -> None:
        """It is over."""
        if self.state == "over":
            return
        self.state = "over"
        self._stop_resending()
        if self._ending is not None:
            self._ending.cancel()
        self.on_over()

    def _provisional(self, response: SipResponse) -> None:
        self.state = "proceeding"
        if self.invites:
            self._stop_resending()
            if self._ending is not None:  # timer B is over; whoever called limits how long it rings
                self._ending.cancel()
        self._on_response(response)

    def _acknowledge(self, response: SipResponse) -> None:
        """The ACK of a refusal belongs to the same transaction (RFC 3261, section 17.1.1.3)."""
        kept = ("via", "from", "call-id", "max-forwards", "route")
        headers = [header for header in self.request.headers if header[0].lower() in kept]
        first_via = next(n for n, (name, _) in enumerate(headers) if name == "Via")
        headers = [header for n, header in enumerate(headers) if header[0] != "Via" or n == first_via]
        headers += [("To", response.get("To")), ("CSeq", f"{self.request.sequence} ACK")]
        self._send(self.flow, bytes(SipRequest(method="ACK", uri=self.request.uri, headers=tuple(headers))))

    def _nobody_answered(self) -> None:
        self._on_response(None)
        self.end()

    def _resend_in(self, seconds: float) -> None:
        self._resending = self._timers.after(seconds, lambda: self._resend(seconds))

    def _resend(self, waited: float) -> None:
        self._send(self.flow, bytes(self.request))
        slow = not self.invites
        longest = T2 if slow else GIVE_UP
        self._resend_in(T2 if slow and self.state == "proceeding" else min(2 * waited, longest))

    def _end_in(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self._timers.after(seconds, then or self.end)

    def _stop_resending(self) -> None:
        if self._resending is not None:
            self._resending.cancel()
            self._resending = None
