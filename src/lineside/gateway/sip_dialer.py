"""Calls of ours over the SIP port: through an account or a trunk, or to a SIP address that the allow-list names."""

import asyncio
from collections.abc import Callable

import structlog

from lineside.gateway.sip_line import SipLine
from lineside.protocol import FirstMessage
from lineside.reasons import DialResult
from lineside.rtp.codecs import new_codec
from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.sockets import MediaSockets, open_sockets
from lineside.sip.accounts import SipAccount, SipTrunk
from lineside.sip.address import parse_uri
from lineside.sip.core import SessionEnd, SessionListener
from lineside.sip.digest import Credentials, DigestClient
from lineside.sip.message import Header
from lineside.sip.offer_answer import Negotiation
from lineside.sip.outgoing import CallTarget, OutgoingCall
from lineside.sip.session import SipSession
from lineside.transports.base import AudioMeter
from lineside.transports.call_facts import CallFacts
from lineside.transports.dialer import CannotDial, DialedCall, DialOrder, DialOutcome
from lineside.transports.line_control import CallLeg, OfferedCall
from lineside.transports.pacer import shared_pacer
from lineside.transports.sip import SipTransport

log = structlog.get_logger()

RESULTS: dict[int, DialResult] = {
    486: "busy", 600: "busy",
    408: "no_answer", 480: "no_answer", 487: "no_answer",
    403: "rejected", 603: "rejected", 607: "rejected", 608: "rejected",
    404: "invalid", 410: "invalid", 484: "invalid", 485: "invalid", 604: "invalid",
}  # fmt: skip


class SipDialer:
    """See `transports.dialer.Dialer`."""

    line = "sip"

    def __init__(self, sip: SipLine) -> None:
        self._sip = sip

    async def dial(self, order: DialOrder, call: DialedCall) -> DialOutcome:
        """See `Dialer`. INVITE, with a password where one is asked for; CANCEL where it is given up."""
        target, way = await self._target(order, call)
        sockets = await open_sockets(self._sip.host, self._sip.pool)
        try:
            negotiation = Negotiation(self._sip.local_media(target.flow, sockets.port))
            dialled = _DialledCall(self._sip, call.ringing)
            self._sip.using(lambda: dialled.begin(self._sip.endpoint.agent.call(target, negotiation, dialled)))
            try:
                end = await dialled.answered
                if end is not None:
                    return DialOutcome(_result(end), f"{end.status} {end.detail}".strip())
                offered = self._offered(order, dialled, negotiation, sockets, way)
                return DialOutcome("answered", ended=await call.hold(offered))
            finally:
                self._sip.using(dialled.give_up)
        finally:
            sockets.close()

    async def _target(self, order: DialOrder, call: DialedCall) -> tuple[CallTarget, SipAccount | SipTrunk | None]:
        """Whom the INVITE goes to, and by which way. Raises `CannotDial`."""
        way = self._sip.way_out
        digest = None
        if order.to.lower().startswith(("sip:", "sips:")):
            found = parse_uri(order.to)
            if found is None or not found.host:
                raise CannotDial(f"{order.to[:80]} is no SIP address")
            secure = order.to.lower().startswith("sips:")
            transport = "TLS" if secure else found.parameters.get("transport", "udp").upper()
            host, port, uri = found.host, found.port, order.to
        elif way is None:
            raise CannotDial("set SIP_ACCOUNTS or SIP_TRUNK: there is no way for numbers")
        else:
            host, port, transport = way.host, way.port, way.transport
            uri = f"sip:{order.to}@{way.host}" + (f":{way.port}" if way.port else "")
            if isinstance(way, SipAccount):
                digest = DigestClient(Credentials(way.user, way.password))
        port = port or (5061 if transport == "TLS" else 5060)
        try:
            flow = await self._sip.endpoint.flow_to(transport, host.strip("[]"), port)
        except (OSError, TimeoutError) as why:
            raise CannotDial(f"{host} cannot be reached: {why}") from None
        self._sip.expect(flow)
        ours = self._sip.endpoint.address.host_for(flow.host)
        account = way if isinstance(way, SipAccount) and uri != order.to else None
        local = account.uri if account is not None else f"sip:{order.caller_id or 'agent'}@{ours}"
        headers: list[Header] = [("X-Lineside-Call", call.id), *order.headers.items()]
        if order.caller_id and account is not None:
            headers.append(("P-Preferred-Identity", f"<sip:{order.caller_id}@{account.host}>"))  # RFC 3325
        target = CallTarget(uri, flow, local, tuple(headers), order.ring_seconds, digest)
        return target, way

    def _offered(
        self,
        order: DialOrder,
        dialled: "_DialledCall",
        negotiation: Negotiation,
        sockets: MediaSockets,
        way: SipAccount | SipTrunk | None,
    ) -> OfferedCall:
        plan = negotiation.plan
        if plan is None:
            raise CannotDial("the answer has no sound")
        caller = order.caller_id or (way.user if isinstance(way, SipAccount) else "")
        facts = CallFacts(
            line=self.line, direction="outbound", caller=caller, called=order.to,
            carrier_call_id=dialled.call_id, codec=plan.codec,
        )  # fmt: skip
        codec = new_codec(plan.codec)

        def connect(meter: AudioMeter) -> CallLeg:
            transport = SipTransport(dialled, plan, sockets, shared_pacer(), meter)
            return CallLeg(transport, transport)

        return OfferedCall(facts, FirstMessage(codec=codec.transport_codec, sample_rate=codec.rate), connect)


class _DialledCall:
    """Listens to one INVITE of ours, and hands on to the transport once there is one. See `transports.sip.SipSide`."""

    def __init__(self, sip: SipLine, ringing: Callable[[], None]) -> None:
        self.answered: asyncio.Future[SessionEnd | None] = asyncio.get_running_loop().create_future()
        self._sip, self._ringing = sip, ringing
        self._call: OutgoingCall | None = None
        self._listener: SessionListener | None = None
        self._end: SessionEnd | None = None

    @property
    def call_id(self) -> str:
        return self._call.call_id if self._call is not None else ""

    def begin(self, call: OutgoingCall) -> None:
        self._call = call

    def give_up(self) -> None:
        """Cancel it, or hang it up; nothing where it is over."""
        if self._call is not None and self._end is None:
            self._call.give_up()

    # ── `SipSide` ──

    def accept(self, listener: SipTransport) -> SipSession | None:
        if self._end is not None or self._call is None:
            return None
        self._listener = listener
        return self._call.session

    def refuse(self) -> None:
        self.using(self.give_up)

    def using(self, work: Callable[[], None]) -> None:
        self._sip.using(work)

    # ── `SessionListener` ──

    def on_ringing(self, status: int) -> None:
        self._ringing()

    def on_connected(self) -> None:
        if not self.answered.done():
            self.answered.set_result(None)

    def on_media(self, plan: MediaPlan) -> None:
        if self._listener is not None:
            self._listener.on_media(plan)

    def on_digits(self, digits: str) -> None:
        if self._listener is not None:
            self._listener.on_digits(digits)

    def on_over(self, end: SessionEnd) -> None:
        self._end = end
        if not self.answered.done():
            self.answered.set_result(end)
        if self._listener is not None:
            self._listener.on_over(end)


def _result(end: SessionEnd) -> DialResult:
    return RESULTS.get(end.status, "failed")
