"""Calls over SIP: the port, who may call, and each call on its way to a slot.

The gateway's own process has the port and the sound, whatever WORKERS is: so there is one place that counts, and a
retransmission can never reach another process (docs/decisions/0021-sip-of-our-own.md).
"""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from random import SystemRandom

import structlog
from msgspec.structs import replace

from lineside.errors import CallRefused, ConfigError, TransportError
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.line_host import LineHost
from lineside.gateway.telephone_programs import TelephonePrograms
from lineside.gateway.tickets import TicketStore
from lineside.protocol import FirstMessage
from lineside.rtp.codecs import PAYLOAD_TYPES, CodecName, new_codec
from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.ports import PortPool
from lineside.rtp.sockets import MediaSockets, open_sockets
from lineside.rtp.srtp import can_encrypt
from lineside.settings import Settings
from lineside.sip.accounts import SipAccount, SipTrunk, keep_registered, read_account, read_trunk
from lineside.sip.digest import DigestServer
from lineside.sip.endpoint import SipEndpoint
from lineside.sip.flow import Flow
from lineside.sip.guard import Guard, read_networks
from lineside.sip.incoming import IncomingCall
from lineside.sip.listeners import SipListen
from lineside.sip.message import BadSip, SipRequest, SipResponse
from lineside.sip.numbers import whole_number
from lineside.sip.offer_answer import LocalMedia, Negotiation
from lineside.sip.responses import response_to
from lineside.sip.session import SipSession
from lineside.transports.base import AudioMeter
from lineside.transports.line_control import CallLeg, OfferedCall
from lineside.transports.pacer import shared_pacer
from lineside.transports.sip import SipTransport
from lineside.transports.sip_facts import facts_of

log = structlog.get_logger()

REGISTRATION = 300  # seconds that a telephone's registration is granted for
RETRY_AFTER = 5  # seconds
TEST_HEADER = "X-Lineside-Test"  # of an INVITE: the ticket of a test call


class SipLine:
    """The SIP port of a gateway, open while `opened` runs."""

    def __init__(
        self, settings: Settings, host: LineHost, tickets: TicketStore, programs: TelephonePrograms | None = None
    ) -> None:
        """`tickets` are those of test calls; `programs` may take others.

        Raises `ConfigError` naming the setting that is wrong.
        """
        self._settings, self._host, self._tickets, self._programs = settings, host, tickets, programs
        try:
            self._guard = Guard(read_networks(settings.sip_trusted), read_networks(settings.sip_allowed))
            self._accounts = [read_account(text) for text in settings.sip_accounts]
            self._trunk = read_trunk(settings.sip_trunk) if settings.sip_trunk else None
        except ValueError as wrong:
            raise ConfigError(f"SIP_TRUSTED, SIP_ALLOWED, SIP_ACCOUNTS or SIP_TRUNK: {wrong}") from None
        users = dict(user.split(":", 1) for user in settings.sip_users)
        digest = DigestServer("lineside", users) if users else None
        self.endpoint = SipEndpoint(_listen(settings), self._guard, self, digest)
        self.pool = PortPool(*settings.rtp_ports, asyncio.get_running_loop().time, SystemRandom())
        self._tasks: asyncio.TaskGroup
        self._closing = False

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator["SipLine", None]:
        """Take calls while the block runs; then those under way have ended by the gateway's word."""
        async with self.endpoint.opened(), asyncio.TaskGroup() as self._tasks:
            accounts = [
                self._tasks.create_task(
                    keep_registered(self.endpoint, account, self._registered), name=f"register {account.host}"
                )
                for account in self._accounts
            ]
            try:
                yield self
            finally:
                self._closing = True
                for task in accounts:
                    task.cancel()

    # ── the desk of the user agent; nothing here waits ─────────────────────────────────────────────────────────────

    def full(self) -> str:
        """See `CallDesk`."""
        if self._closing or self._host.closing:
            return "the gateway is shutting down"
        return "" if self._host.has_room else "all call slots are in use"

    def on_call(self, call: IncomingCall) -> None:
        """See `CallDesk`. It rings while the slot, the ports and the engines are prepared."""
        call.ring()
        self._tasks.create_task(self._hold(call), name="sip call")

    def on_register(self, user: str, request: SipRequest, flow: Flow) -> SipResponse:
        """See `CallDesk`. A telephone's registration is granted, so that it shows itself as ready; nobody is called."""
        contact = request.get("Contact")
        try:
            asked = request.addresses("Contact") if contact not in ("", "*") else []
        except BadSip as wrong:
            return response_to(request, 400, tag="r", reason=str(wrong))
        expires = asked[0].parameters.get("expires", "") if asked else ""
        wanted = expires or request.get("Expires", str(REGISTRATION))
        named = whole_number(wanted)
        seconds = REGISTRATION if named is None else min(named, REGISTRATION)
        if not asked or not seconds:
            return response_to(request, 200, tag="r")
        return response_to(request, 200, (("Contact", f"<{asked[0].uri}>;expires={seconds}"),), tag="r")

    def _registered(self, flow: Flow, known: bool) -> None:
        self._guard.trust(flow.host)

    # ── one call ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _hold(self, call: IncomingCall) -> None:
        """Hold one call to its end. Whatever goes wrong, the caller gets an answer and no other call notices."""
        try:
            with self._host.slot() as handle:
                sockets = await open_sockets(self._settings.sip_host, self.pool)
                try:
                    offered = self._offered(call, sockets)
                    if offered is not None:
                        await self._converse(handle, call, offered)
                finally:
                    sockets.close()
        except CallRefused as full:
            self._refuse(call, 503 if self._host.closing else 486, str(full))
        except TransportError as wrong:
            self._refuse(call, 488, str(wrong))
        except Exception:
            log.exception("a call over SIP could not be held")
            self._refuse(call, 500, "")

    async def _converse(self, handle: CallHandle, call: IncomingCall, offered: OfferedCall) -> None:
        """An agent of ours answers, or a program where one is told of calls; test calls reach nothing outside."""
        if self._programs is None or not self._programs.enabled or offered.facts.test:
            await self._host.run(handle, offered)
            return
        trusted = self._guard.trusts(call.flow.host, self.endpoint.timers.now)
        await self._programs.hold(handle, call, offered, lambda status: self._refuse(call, status, ""), trusted=trusted)

    def _offered(self, call: IncomingCall, sockets: MediaSockets) -> OfferedCall | None:
        """The call as the gateway takes it; None where nothing fits, and it has been refused."""
        settings, flow = self._settings, call.flow
        local = self.local_media(flow, sockets.port)
        codecs = local.codecs
        if not call.has_offer:  # nobody knows what they can, and the call's codec has to be known now
            codecs = tuple(codec for codec in codecs if codec != "G722")[:1] or codecs[:1]
            local = replace(local, codecs=codecs)
        side = _Side(self.endpoint, call, None)
        ticket = call.request.get(TEST_HEADER)
        test = bool(ticket) and self._tickets.redeem(ticket, "sip", time.monotonic()) is not None
        if ticket and not test:  # it was meant to reach nothing outside
            self._refuse(call, 403, f"the ticket in {TEST_HEADER} is unknown or used")
            return None
        negotiation: Negotiation | None = None

        def negotiate() -> None:
            nonlocal negotiation
            negotiation = call.negotiate(local)

        side.using(negotiate)
        if negotiation is None:
            return None
        side.negotiation = negotiation
        plan = negotiation.plan or _unknown(flow, codecs[0])
        facts = facts_of(
            call,
            plan.codec,
            settings.telephone_headers,
            trusted=self._guard.trusts(flow.host, self.endpoint.timers.now),
        )
        codec = new_codec(plan.codec)
        facts = replace(facts, test=test)
        first = FirstMessage(
            codec=codec.transport_codec, sample_rate=codec.rate, caller=facts.caller, tools=not facts.test
        )

        def connect(meter: AudioMeter) -> CallLeg:
            transport = SipTransport(side, plan, sockets, shared_pacer(), meter)
            call.on_cancelled = transport.cancelled
            return CallLeg(transport, transport)

        return OfferedCall(facts, first, connect)

    # ── calls of ours ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def host(self) -> str:
        """Where the calls' sound is."""
        return self._settings.sip_host

    @property
    def way_out(self) -> SipAccount | SipTrunk | None:
        """By whom numbers are dialled: the trunk, or the first account."""
        return self._trunk or (self._accounts[0] if self._accounts else None)

    def local_media(self, flow: Flow, port: int) -> LocalMedia:
        """What we can do on a call by this way."""
        settings = self._settings
        secure = flow.transport == "TLS" and can_encrypt() and settings.sip_srtp != "off"
        codecs: list[CodecName] = [name for name in PAYLOAD_TYPES if name in settings.sip_codecs]
        codecs.sort(key=settings.sip_codecs.index)
        must = settings.sip_srtp == "required"
        return LocalMedia(
            self.endpoint.address.host_for(flow.host), port, tuple(codecs), secure=secure, must_encrypt=must
        )

    def expect(self, flow: Flow) -> None:
        """Whoever is there may answer us."""
        self._guard.expect(flow.host)

    def using(self, work: Callable[[], None]) -> None:
        """Do this at the port's time."""
        self.endpoint.act()
        work()
        self.endpoint.settle()

    def _refuse(self, call: IncomingCall, status: int, why: str) -> None:
        _Side(self.endpoint, call, None).using(lambda: call.refuse(status, why[:80], RETRY_AFTER))


class _Side:
    """See `transports.sip.SipSide`."""

    def __init__(self, endpoint: SipEndpoint, call: IncomingCall, negotiation: Negotiation | None) -> None:
        self.negotiation = negotiation
        self._endpoint, self._call = endpoint, call

    def accept(self, listener: SipTransport) -> SipSession | None:
        session: SipSession | None = None

        def answer() -> None:
            nonlocal session
            if self.negotiation is not None:
                session = self._call.answer(self.negotiation, listener)

        self.using(answer)
        return session

    def refuse(self) -> None:
        self.using(lambda: self._call.refuse(480))

    def using(self, work: Callable[[], None]) -> None:
        self._endpoint.act()
        work()
        self._endpoint.settle()


def _unknown(flow: Flow, codec: CodecName) -> MediaPlan:
    """Until the ACK brings the answer to our offer: nothing is sent, and nothing taken."""
    nowhere, number = (flow.host, 9), PAYLOAD_TYPES[codec]
    return MediaPlan(nowhere, nowhere, codec, number, number, direction="inactive")


def _listen(settings: Settings) -> SipListen:
    """Where the port listens. Raises `ConfigError` where a certificate cannot be read."""
    server: ssl.SSLContext | None = None
    try:
        client = ssl.create_default_context(cafile=settings.sip_tls_ca or None)
        if settings.sip_tls_certificate:
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.minimum_version = ssl.TLSVersion.TLSv1_2
            server.load_cert_chain(settings.sip_tls_certificate, settings.sip_tls_key or None)
    except (OSError, ssl.SSLError) as cause:
        raise ConfigError(f"SIP_TLS_CERTIFICATE, SIP_TLS_KEY or SIP_TLS_CA cannot be read: {cause}") from None
    if settings.sip_host in ("0.0.0.0", "::"):  # noqa: S104
        raise ConfigError(
            f"SIP_HOST={settings.sip_host} would take SIP from every network. Name one private address of this machine."
        )
    return SipListen(
        host=settings.sip_host,
        port=settings.sip_port,
        udp="udp" in settings.sip_transports,
        tcp="tcp" in settings.sip_transports,
        tls_port=settings.sip_tls_port,
        server_tls=server,
        client_tls=client,
        advertised_host=settings.sip_advertised_host,
    )
