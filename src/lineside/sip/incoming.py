"""A call that comes in, until it is answered or refused. Pure."""

from collections.abc import Callable

from lineside.sip.bodies import SDP_TYPE, sdp_of
from lineside.sip.core import SessionListener, SignallingCore
from lineside.sip.dialog import called_dialog, new_tag
from lineside.sip.flow import Flow
from lineside.sip.message import BadSip, Header, SipRequest
from lineside.sip.offer_answer import LocalMedia, Negotiation, NotAcceptable
from lineside.sip.responses import ALLOW, response_to
from lineside.sip.session import SUPPORTED, SipSession
from lineside.sip.session_timer import SHORTEST, SessionInterval, read_interval
from lineside.sip.transactions import ServerTransaction


class IncomingCall:
    """An INVITE of theirs. Nobody has a slot yet."""

    def __init__(
        self, core: SignallingCore, request: SipRequest, transaction: ServerTransaction, flow: Flow, user: str = ""
    ) -> None:
        """`user`: who it is by their password; empty where they are trusted by address."""
        self.request, self.flow, self.user = request, flow, user
        self.tag = new_tag()
        self.over = False  # refused, cancelled, or answered
        self.on_cancelled: Callable[[], None] = lambda: None
        self.on_session: Callable[[SipSession], None] = lambda session: None
        self._core, self._transaction, self._answer = core, transaction, b""

    @property
    def has_offer(self) -> bool:
        """Whether the INVITE says what the caller can."""
        return bool(sdp_of(self.request))

    def ring(self) -> None:
        """Tell the caller that it rings, where that need not be acknowledged (RFC 3262)."""
        if not self.over and "100rel" not in self.request.tokens("Require"):
            self._respond(180, (self._core.contact(self.flow), ALLOW))

    def refuse(self, status: int, reason: str = "", retry_after_seconds: int = 0) -> None:
        """End it, before anything was answered."""
        if self.over:
            return
        self.over = True
        more: tuple[Header, ...] = (("Retry-After", str(retry_after_seconds)),) if retry_after_seconds else ()
        self._transaction.respond(response_to(self.request, status, more, tag=self.tag, reason=reason))

    def negotiate(self, local: LocalMedia) -> Negotiation | None:
        """Agree on the sound. None: nothing fits, and the call has been refused.

        Without an offer in the INVITE the 2xx brings ours, and nothing is agreed on before the ACK.
        """
        negotiation = Negotiation(local)
        try:
            self._answer = negotiation.answer(offer) if (offer := sdp_of(self.request)) else b""
        except NotAcceptable as why:
            self._refuse_with(488, (("Warning", f'399 lineside "{why}"'),))
            return None
        return negotiation

    def answer(self, negotiation: Negotiation, listener: SessionListener) -> SipSession | None:
        """Take the call, with what `negotiate` agreed on. None: it was cancelled meanwhile, or cannot be answered."""
        if self.over:
            return None
        try:
            dialog = called_dialog(self.request, self.flow, self.tag)
        except BadSip as wrong:
            self.refuse(wrong.status, str(wrong))
            return None
        self.over = True
        session = SipSession(self._core, dialog, negotiation, listener, local_tag=self.tag, incoming=True)
        self.on_session(session)
        interval = read_interval(self.request)
        more = [self._core.contact(self.flow), ALLOW, SUPPORTED, SDP_TYPE]
        if interval is not None:
            interval = SessionInterval(interval.seconds, interval.refresher or "uac")
            more.append(("Session-Expires", f"{interval.seconds};refresher={interval.refresher}"))
            if "timer" in self.request.tokens("Supported") and interval.refresher == "uac":
                more.append(("Require", "timer"))
        session.note_peer(self.request)
        session.agree_timer(interval, we_sent_request=False)
        body = self._answer or negotiation.offer()
        response = response_to(self.request, 200, tuple(more), body, tag=self.tag)
        session.answered(self._transaction, response, offered=not self._answer)
        return session

    def too_short_interval(self) -> bool:
        """Whether the session interval asked for is too short; then it has been refused with 422."""
        interval = read_interval(self.request)
        if interval is None or interval.seconds >= SHORTEST:
            return False
        self._refuse_with(422, (("Min-SE", str(SHORTEST)),))
        return True

    def cancelled(self) -> None:
        """The caller went before it was answered."""
        if not self.over:
            self.refuse(487)
            self.on_cancelled()

    def _refuse_with(self, status: int, more: tuple[Header, ...]) -> None:
        self.over = True
        self._respond(status, more)

    def _respond(self, status: int, more: tuple[Header, ...]) -> None:
        self._transaction.respond(response_to(self.request, status, more, tag=self.tag))
