"""A telephone of ours that calls over SIP: for tests, and for `lineside loadtest --line sip`."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from random import SystemRandom

from lineside.rtp.codecs import CodecName
from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.ports import PortPool
from lineside.rtp.session import LineQuality, RtpSession
from lineside.rtp.sockets import MediaSockets, open_sockets
from lineside.sip.address import parse_uri
from lineside.sip.core import SessionEnd
from lineside.sip.digest import Credentials, DigestClient
from lineside.sip.endpoint import SipEndpoint
from lineside.sip.flow import Flow
from lineside.sip.guard import Guard, read_networks
from lineside.sip.incoming import IncomingCall
from lineside.sip.listeners import SipListen
from lineside.sip.message import Header, SipRequest, SipResponse
from lineside.sip.offer_answer import LocalMedia, Negotiation
from lineside.sip.outgoing import CallTarget, OutgoingCall
from lineside.sip.responses import response_to
from lineside.transports.pacer import shared_pacer

ANSWERED_WITHIN = 40.0  # seconds


class CallNotAnswered(Exception):
    """The call was refused, or nobody was there; `end` says why."""

    def __init__(self, end: SessionEnd) -> None:
        super().__init__(f"{end.status} {end.detail}".strip())
        self.end = end


class PhoneCall:
    """One call of the telephone's, from INVITE to its end. It is the listener of its own session."""

    def __init__(self, phone: "SipPhone", sockets: MediaSockets, on_sound: Callable[[bytes], None]) -> None:
        """`on_sound` takes what is heard, in order, in G.711 or 16 kHz samples as agreed on."""
        loop = asyncio.get_running_loop()
        self.sound: RtpSession | None = None
        self.connected: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[SessionEnd] = loop.create_future()
        self.digits = ""
        self.call: OutgoingCall
        self._phone, self._sockets, self._on_sound, self._loop = phone, sockets, on_sound, loop

    def send(self, sound: bytes) -> None:
        """Say this, after what was said before."""
        if self.sound is not None:
            self.sound.sender.put(sound)

    @property
    def waiting_seconds(self) -> float:
        """Sound that was said and has not left."""
        return 0.0 if self.sound is None else self.sound.sender.queued_seconds

    def press(self, digits: str) -> None:
        """Press keys."""
        if self.sound is not None:
            self.sound.sender.press(digits)

    def hold(self, on: bool) -> None:
        """Hold the call, or go on."""
        session = self.call.session
        if session is not None:
            self._phone.using(lambda: session.hold(on))

    def hang_up(self) -> None:
        """End it."""
        self._phone.using(self.call.give_up)

    @property
    def quality(self) -> LineQuality | None:
        """How good the line was."""
        return None if self.sound is None else self.sound.quality()

    # ── `SessionListener` ──

    def on_ringing(self, status: int) -> None:
        """It rings."""

    def on_connected(self) -> None:
        """It was answered."""
        if not self.connected.done():
            self.connected.set_result(None)

    def on_media(self, plan: MediaPlan) -> None:
        """Sound is agreed on, or changed."""
        if self.sound is None:
            self.sound = RtpSession(plan, self._sockets, self._loop.time, self._on_sound, self._on_digit)
            self._phone.pacer.add(self.sound)
        else:
            self.sound.replan(plan)

    def on_digits(self, digits: str) -> None:
        """Keys came by INFO."""
        self.digits += digits

    def on_over(self, end: SessionEnd) -> None:
        """It is over."""
        if self.sound is not None:
            self._phone.pacer.remove(self.sound)
            self.sound.close()
        else:
            self._sockets.close()
        if not self.ended.done():
            self.ended.set_result(end)
        if not self.connected.done():
            self.connected.set_exception(CallNotAnswered(end))

    def _on_digit(self, digit: str) -> None:
        self.digits += digit


class SipPhone:
    """A telephone with any number of calls."""

    def __init__(self, endpoint: SipEndpoint, pool: PortPool, host: str) -> None:
        self.endpoint, self.pacer = endpoint, shared_pacer()
        self._pool, self._host = pool, host

    async def call(
        self,
        uri: str,
        on_sound: Callable[[bytes], None] = lambda sound: None,
        *,
        codecs: tuple[CodecName, ...] = ("PCMU",),
        credentials: Credentials | None = None,
        headers: tuple[Header, ...] = (),
    ) -> PhoneCall:
        """Call somebody and wait for the answer. `headers` go into the INVITE.

        Raises:
            CallNotAnswered: it was refused, or nobody answered.
            ValueError: `uri` is no SIP address.
        """
        target = parse_uri(uri)
        if target is None or not target.host:
            raise ValueError(f"{uri} is no SIP address, such as sip:agent@127.0.0.1:5060")
        transport = target.parameters.get("transport", "udp").upper()
        flow = await self.endpoint.flow_to(transport, target.host.strip("[]"), target.port or 5060)
        sockets = await open_sockets(self._host, self._pool)
        call = PhoneCall(self, sockets, on_sound)
        digest = DigestClient(credentials) if credentials is not None else None
        name = credentials.user if credentials is not None else "caller"
        to = CallTarget(uri, flow, f"sip:{name}@{self._host}", headers, digest=digest)
        negotiation = Negotiation(LocalMedia(self._host, sockets.port, codecs))

        def begin() -> None:
            call.call = self.endpoint.agent.call(to, negotiation, call)

        self.using(begin)
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                await call.connected
        except BaseException:
            self.using(call.call.give_up)
            raise
        return call

    def using(self, work: Callable[[], None]) -> None:
        """Do this at the port's time."""
        self.endpoint.act()
        work()
        self.endpoint.settle()


@asynccontextmanager
async def sip_phone(
    host: str = "127.0.0.1", rtp_ports: tuple[int, int] = (40_000, 49_999), *, tcp: bool = False
) -> AsyncGenerator[SipPhone, None]:
    """A telephone on this machine, with any free SIP port; it refuses whoever calls it."""
    guard = Guard(read_networks(["0.0.0.0/0", "::/0"]), ())
    listen = SipListen(host, 0, udp=True, tcp=tcp)
    async with SipEndpoint(listen, guard, _Refuses()).opened() as endpoint:
        yield SipPhone(endpoint, PortPool(*rtp_ports, asyncio.get_running_loop().time, SystemRandom()), host)


class _Refuses:
    """See `desk.CallDesk`: nobody calls this telephone."""

    def full(self) -> str:
        return "this telephone takes no calls"

    def on_call(self, call: IncomingCall) -> None:
        call.refuse(486)

    def on_register(self, user: str, request: SipRequest, flow: Flow) -> SipResponse:
        return response_to(request, 405, tag="no")
