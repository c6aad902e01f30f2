"""A call of ours, from INVITE to its answer (RFC 3261, section 13.2). Pure."""

import secrets
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from lineside.sip.bodies import SDP_TYPE, sdp_of
from lineside.sip.core import Asked, SessionEnd, SessionListener, SignallingCore
from lineside.sip.dialog import MAX_FORWARDS, calling_dialog, new_tag
from lineside.sip.digest import DigestClient
from lineside.sip.flow import Flow
from lineside.sip.message import BadSip, Header, SipRequest, SipResponse
from lineside.sip.numbers import whole_number
from lineside.sip.offer_answer import Negotiation, NotAcceptable
from lineside.sip.responses import ALLOW
from lineside.sip.session import SUPPORTED, SipSession
from lineside.sip.session_timer import USUAL, read_interval
from lineside.sip.timers import Timer

RING_SECONDS = 60.0


class CallTarget(Struct, frozen=True):
    """Whom we call, and as whom."""

    uri: str  # "sip:100@10.0.0.5"
    flow: Flow
    local_uri: str  # our From, such as "sip:agent@10.0.0.9"
    headers: tuple[Header, ...] = ()
    ring_seconds: float = RING_SECONDS
    digest: DigestClient | None = None


class OutgoingCall:
    """An INVITE of ours. The listener hears of it until it is over."""

    def __init__(
        self, core: SignallingCore, target: CallTarget, negotiation: Negotiation, listener: SessionListener
    ) -> None:
        self.call_id, self.tag = f"{secrets.token_hex(12)}@lineside", new_tag()
        self.session: SipSession | None = None
        self.on_session: Callable[[SipSession], None] = lambda session: None
        self._core, self._target, self._negotiation, self._listener = core, target, negotiation, listener
        self._sequence = secrets.randbelow(1 << 16) + 1
        self._minimum = USUAL
        self._over = False
        self._asked: Asked | None = None
        self._ringing: Timer | None = None

    def begin(self) -> None:
        """Send the INVITE."""
        self._ringing = self._core.timers.after(self._target.ring_seconds, self.give_up)
        self._asked = self._core.ask(self._invite, self._target.flow, self._heard, self._target.digest)

    def give_up(self) -> None:
        """Nobody is to answer any more; one who does at this moment is hung up on."""
        if self.session is not None:
            self.session.hang_up()
        elif not self._over and self._asked is not None:
            self._asked.cancel()
            self._end(SessionEnd("us", status=487, detail="given up"))

    def _invite(self, added: tuple[Header, ...]) -> SipRequest:
        self._sequence += 1
        target = self._target
        headers = (
            ("Via", self._core.via(target.flow)),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"<{target.local_uri}>;tag={self.tag}"),
            ("To", f"<{target.uri}>"),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._sequence} INVITE"),
            self._core.contact(target.flow), ALLOW, SUPPORTED, SDP_TYPE,
            ("Session-Expires", str(self._minimum)),
            *target.headers, *added,
        )  # fmt: skip
        return SipRequest(method="INVITE", uri=target.uri, headers=headers, body=self._negotiation.offer())

    def _heard(self, response: SipResponse | None) -> None:
        if response is None:
            self._end(SessionEnd("nobody", status=408, detail="INVITE was not answered"))
        elif response.status < 200:
            self._provisional(response)
        elif response.status < 300:
            self._answered(response)
        elif response.status == 422 and (least := whole_number(response.get("Min-SE"))) and self._minimum == USUAL:
            self._minimum = least
            self._asked = self._core.ask(self._invite, self._target.flow, self._heard, self._target.digest)
        else:
            self._end(SessionEnd("them", status=response.status, detail=response.reason))

    def _provisional(self, response: SipResponse) -> None:
        if self._over or response.status == 100:
            return
        if "100rel" in response.tokens("Require") and whole_number(response.get("RSeq")) is not None:
            self._acknowledge_provisional(response)
            if early := sdp_of(response):  # then the 2xx need not have it (RFC 3262, section 5)
                with suppress(NotAcceptable):
                    self._negotiation.take_answer(early)
        self._listener.on_ringing(response.status)

    def _acknowledge_provisional(self, response: SipResponse) -> None:
        """PRACK, for a side that insists on it (RFC 3262)."""
        asked = self._asked
        if asked is None:
            return
        try:
            dialog = calling_dialog(asked.request, response, self._target.flow)
        except BadSip:
            return
        self._sequence += 1
        more = (("RAck", f"{response.get('RSeq')} {response.get('CSeq')}"),)
        sequence, flow = self._sequence, dialog.next_hop
        self._core.ask(
            lambda added: dialog.request("PRACK", self._core.via(flow), (*more, *added), sequence=sequence),
            flow,
            lambda answer: None,
        )

    def _answered(self, response: SipResponse) -> None:
        """A 2xx. One that comes again is acknowledged again; one of another branch, or too late, is hung up on."""
        if self.session is not None and response.to_tag == self.session.dialog.remote.rpartition("tag=")[2]:
            self.session.acknowledge(response)
            return
        try:
            dialog = calling_dialog(
                self._asked.request if self._asked else self._invite(()), response, self._target.flow
            )
        except BadSip as wrong:
            self._end(SessionEnd("nobody", detail=str(wrong)))
            return
        dialog.sequence = max(dialog.sequence, self._sequence)
        late = self._over or self.session is not None
        listener: SessionListener = _Nobody() if late else self._listener
        session = SipSession(
            self._core, dialog, self._negotiation, listener,
            local_tag=self.tag, incoming=False, digest=self._target.digest,
        )  # fmt: skip
        session.acknowledge(response)
        if late:
            session.hang_up()
            return
        self._stop_ringing()
        self.session = session
        self.on_session(session)
        session.note_peer(response)
        session.agree_timer(read_interval(response), we_sent_request=True)
        try:
            if (answer := sdp_of(response)) or self._negotiation.plan is None:
                self._negotiation.take_answer(answer)
        except NotAcceptable as why:
            session.hang_up(str(why))
            return
        if self._negotiation.plan is not None:
            self._listener.on_media(self._negotiation.plan)
        self._listener.on_connected()

    def _end(self, end: SessionEnd) -> None:
        if not self._over and self.session is None:
            self._over = True
            self._stop_ringing()
            self._listener.on_over(end)

    def _stop_ringing(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()


class _Nobody:
    """Hears of a call that nobody wants any more."""

    def on_ringing(self, status: int) -> None: ...

    def on_connected(self) -> None: ...

    def on_media(self, plan: object) -> None: ...

    def on_digits(self, digits: str) -> None: ...

    def on_over(self, end: SessionEnd) -> None: ...
