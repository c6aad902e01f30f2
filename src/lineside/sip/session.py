"""A call that is up: requests inside its dialog, both ways (RFC 3261, 12 to 15; RFC 3311, 4028, 6086). Pure."""

import random
import re
from collections.abc import Callable

from lineside.sip.acknowledgement import AwaitedAck
from lineside.sip.bodies import SDP_TYPE, sdp_of
from lineside.sip.core import SessionEnd, SessionListener, SignallingCore
from lineside.sip.dialog import Dialog
from lineside.sip.digest import DigestClient
from lineside.sip.message import BadSip, Header, SipRequest, SipResponse
from lineside.sip.offer_answer import Negotiation, NotAcceptable
from lineside.sip.referral import Referral, ReferralResult
from lineside.sip.responses import ALLOW, response_to
from lineside.sip.session_timer import USUAL, SessionInterval, SessionTimer, read_interval
from lineside.sip.transactions import ServerTransaction

SIGNAL = re.compile(rb"Signal\s*=\s*([0-9A-D*#]|1[01])\b|Signal\s*=\s*([*#])", re.IGNORECASE)
CAUSE = re.compile(r"Q\.850\s*;.*?cause\s*=\s*(\d{1,3})", re.IGNORECASE)
GONE = (408, 481)  # responses inside a dialog that end it (RFC 3261, section 12.2.1.2)
SUPPORTED: Header = ("Supported", "timer")


class SipSession:
    """One call's dialog once it has been answered, by us or by them."""

    def __init__(
        self,
        core: SignallingCore,
        dialog: Dialog,
        negotiation: Negotiation,
        listener: SessionListener,
        *,
        local_tag: str,
        incoming: bool,
        digest: DigestClient | None = None,
    ) -> None:
        self.dialog, self.negotiation = dialog, negotiation
        self.over = False
        self._core, self._listener, self._digest = core, listener, digest
        self._local_tag, self._incoming = local_tag, incoming
        self._awaited: AwaitedAck | None = None
        self._inviting = False  # a re-INVITE or UPDATE of ours is under way
        self._updates = False  # the other side takes UPDATE
        self._referral: Referral | None = None
        self._timer = SessionTimer(core.timers, self._refresh, self._nobody_there)

    # ── from the other side ────────────────────────────────────────────────────────────────────────────────────────

    def answered(self, transaction: ServerTransaction, response: SipResponse, *, offered: bool) -> None:
        """Send our 2xx until it is acknowledged. `offered`: it carries our offer, and the ACK the answer."""

        def acknowledged(ack: SipRequest) -> None:
            if offered and not self._take_answer(sdp_of(ack)):
                self.hang_up("the ACK brought no session description that can be used")
                return
            self._listener.on_connected()

        self._awaited = AwaitedAck(
            transaction, response, self._core.timers, acknowledged, lambda: self._nobody_there("no ACK came")
        )

    def note_peer(self, message: SipRequest | SipResponse) -> None:
        """What the other side can, and how long the session lasts unless it is refreshed."""
        self._updates = "UPDATE" in {name.upper() for name in message.tokens("Allow")}

    def agree_timer(self, interval: SessionInterval | None, *, we_sent_request: bool) -> None:
        """The session interval of a request and its 2xx."""
        refresher = interval.refresher if interval is not None else ""
        self._timer.agree(interval, ours=refresher == ("uac" if we_sent_request else "uas"))

    def receive(self, request: SipRequest, transaction: ServerTransaction | None) -> None:
        """A request inside the dialog; an ACK has no transaction."""
        if transaction is None:
            if self._awaited is not None:
                self._awaited.receive(request)
            return
        if not self.dialog.takes(request):
            transaction.respond(response_to(request, 500, reason="CSeq is not new"))
            return
        match request.method:
            case "BYE":
                transaction.respond(response_to(request, 200))
                cause = CAUSE.search(request.get("Reason"))
                self._end(SessionEnd("them", cause=int(cause[1]) if cause else 0, detail=request.get("Reason")[:80]))
            case "INVITE" | "UPDATE":
                self._offered(request, transaction)
            case "INFO":
                self._info(request, transaction)
            case "NOTIFY":
                self._notified(request, transaction)
            case "REFER":
                transaction.respond(response_to(request, 603))
            case "OPTIONS" | "PRACK":
                transaction.respond(response_to(request, 200, (ALLOW,)))
            case _:
                transaction.respond(response_to(request, 405, (ALLOW,)))

    def _offered(self, request: SipRequest, transaction: ServerTransaction) -> None:
        """A re-INVITE or an UPDATE: hold, a new address, a refresh. It is always answered."""
        if self._inviting:
            transaction.respond(response_to(request, 491))
            return
        if self._awaited is not None and not self._awaited.over:
            transaction.respond(response_to(request, 500, (("Retry-After", str(random.randint(1, 10))),)))  # noqa: S311
            return
        invites = request.method == "INVITE"
        try:
            offer = sdp_of(request)
            body = self.negotiation.answer(offer) if offer else self.negotiation.offer() if invites else b""
            self.dialog.refresh(request)
        except (NotAcceptable, BadSip) as why:
            transaction.respond(response_to(request, 488, (("Warning", f'399 lineside "{why}"'),)))
            return
        interval = read_interval(request)
        more = [self._core.contact(self.dialog.flow), ALLOW, SUPPORTED]
        if interval is not None:
            interval = SessionInterval(interval.seconds, interval.refresher or "uac")
            more.append(("Session-Expires", f"{interval.seconds};refresher={interval.refresher}"))
        if body:
            more.append(SDP_TYPE)
        self.agree_timer(interval, we_sent_request=False)
        response = response_to(request, 200, tuple(more), body)
        if invites:
            self.answered(transaction, response, offered=not offer)
        else:
            transaction.respond(response)
        if offer:
            self._tell_media()

    def _info(self, request: SipRequest, transaction: ServerTransaction) -> None:
        kind = request.get("Content-Type").partition(";")[0].strip().lower()
        transaction.respond(response_to(request, 200))
        if kind == "application/dtmf-relay" and (found := SIGNAL.search(request.body[:200])):
            key = (found[1] or found[2]).decode().upper()
            self._listener.on_digits({"10": "*", "11": "#"}.get(key, key))
        elif kind == "application/dtmf" and re.fullmatch(rb"[0-9A-D*#]", request.body.strip(), re.IGNORECASE):
            self._listener.on_digits(request.body.strip().decode().upper())

    def _notified(self, request: SipRequest, transaction: ServerTransaction) -> None:
        referral = request.get("Event").partition(";")[0].strip().lower() == "refer"
        if not referral or self._referral is None:
            transaction.respond(response_to(request, 481 if referral else 489, (("Allow-Events", "refer"),)))
            return
        transaction.respond(response_to(request, 200))
        self._referral.notified(request)

    # ── from us ────────────────────────────────────────────────────────────────────────────────────────────────────

    def hang_up(self, why: str = "") -> None:
        """End the call."""
        if self.over:
            return
        more: tuple[Header, ...] = (("Reason", f'SIP;cause=200;text="{why}"'),) if why else ()
        self._ask("BYE", more, b"", lambda response: None)
        self._end(SessionEnd("us", detail=why))

    def hold(self, on: bool) -> None:
        """Hold the call, or go on with it."""
        if self.over or self.negotiation.held_by_us == on:
            return
        self.negotiation.held_by_us = on
        self._offer_again()

    def refer(
        self, target: str, more: tuple[Header, ...], seconds: float, on_result: Callable[[ReferralResult], None]
    ) -> None:
        """Have the other side call `target` in our place; after success the call is over for us."""

        def known(result: ReferralResult) -> None:
            self._referral = None
            if 200 <= result.status < 300:
                self.hang_up()
            on_result(result)

        self._referral = referral = Referral(self._core.timers, seconds, known)
        headers = (("Refer-To", f"<{target}>"), ("Referred-By", self.dialog.local.partition(";tag")[0]), *more)
        self._ask("REFER", (*headers, self._core.contact(self.dialog.flow)), b"", referral.responded)

    def _refresh(self) -> None:
        if self._updates:
            self._inviting = True
            more = (self._core.contact(self.dialog.flow), SUPPORTED, ("Session-Expires", f"{USUAL};refresher=uac"))
            self._ask("UPDATE", more, b"", self._refreshed)
        else:
            self._offer_again()

    def _refreshed(self, response: SipResponse | None) -> None:
        self._inviting = False
        if response is not None and 200 <= response.status < 300:
            self.agree_timer(read_interval(response), we_sent_request=True)

    def _offer_again(self) -> None:
        """A re-INVITE of ours."""
        if self._inviting or self.over:
            return
        self._inviting = True
        more = (
            self._core.contact(self.dialog.flow), ALLOW, SUPPORTED, SDP_TYPE,
            ("Session-Expires", f"{USUAL};refresher=uac"),
        )  # fmt: skip
        self._ask("INVITE", more, self.negotiation.offer(), self._offer_answered)

    def _offer_answered(self, response: SipResponse | None) -> None:
        if response is not None and response.status < 200:
            return
        self._inviting = False
        if response is None or self.over:
            return
        if response.status == 491:  # both sides asked at once; who began the call waits longer (RFC 3261, 14.1)
            pause = random.uniform(0, 2) if self._incoming else random.uniform(2.1, 4)  # noqa: S311
            self._core.timers.after(pause, self._offer_again)
        elif 200 <= response.status < 300:
            self.acknowledge(response)
            self.dialog.refresh(response)
            self.agree_timer(read_interval(response), we_sent_request=True)
            if self._take_answer(sdp_of(response)):
                self._tell_media()

    def acknowledge(self, response: SipResponse) -> None:
        """Send the ACK of a 2xx."""
        flow = self.dialog.next_hop
        self._core.send(flow, self.dialog.request("ACK", self._core.via(flow), sequence=response.sequence))

    def _ask(
        self, method: str, more: tuple[Header, ...], body: bytes, on_response: Callable[[SipResponse | None], None]
    ) -> None:
        flow = self.dialog.next_hop

        def heard(response: SipResponse | None) -> None:
            on_response(response)
            if (response is None or response.status in GONE) and method != "REFER":
                self._nobody_there(
                    f"{method} was not answered" if response is None else "the call does not exist there"
                )

        self._core.ask(
            lambda added: self.dialog.request(method, self._core.via(flow), (*more, *added), body),
            flow,
            heard,
            self._digest,
        )

    def _take_answer(self, answer: bytes) -> bool:
        try:
            self.negotiation.take_answer(answer)
        except NotAcceptable:
            return False
        if self._awaited is not None:
            self._tell_media()
        return True

    def _tell_media(self) -> None:
        if self.negotiation.plan is not None and not self.over:
            self._listener.on_media(self.negotiation.plan)

    def _nobody_there(self, why: str = "the session was not refreshed") -> None:
        if not self.over:
            self._ask("BYE", (), b"", lambda response: None)
            self._end(SessionEnd("nobody", detail=why))

    def _end(self, end: SessionEnd) -> None:
        if self.over:
            return
        self.over = True
        self._timer.stop()
        if self._awaited is not None:
            self._awaited.stop()
        if self._referral is not None:
            self._referral.over(ReferralResult(487, "the call ended"))
        self._core.forget(self.dialog.call_id, self._local_tag)
        self._listener.on_over(end)
