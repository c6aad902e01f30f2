"""A telephone that is called: it rings, answers, is busy, refuses or says nothing, and talks."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import Literal

from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.ports import PortPool
from lineside.rtp.session import RtpSession
from lineside.rtp.sockets import MediaSockets, open_sockets
from lineside.sip.core import SessionEnd
from lineside.sip.digest import DigestServer
from lineside.sip.endpoint import SipEndpoint
from lineside.sip.flow import Flow
from lineside.sip.guard import Guard, read_networks
from lineside.sip.incoming import IncomingCall
from lineside.sip.listeners import SipListen
from lineside.sip.message import SipRequest, SipResponse
from lineside.sip.offer_answer import LocalMedia
from lineside.sip.responses import response_to
from lineside.sip.session import SipSession
from lineside.transports.pacer import shared_pacer

Does = Literal["answer", "ring", "busy", "refuse", "unknown", "gone"]
STATUS = {"busy": 486, "refuse": 603, "unknown": 404, "gone": 480}


class SipCallee:
    """See `sip_callee`."""

    def __init__(self, does: Does, says: bytes) -> None:
        self.does, self.says = does, says
        self.endpoint: SipEndpoint
        self.calls: list[CalleeCall] = []
        self.invites: list[SipRequest] = []
        self.cancelled = 0
        self._pool = PortPool(34_000, 35_999, asyncio.get_running_loop().time, SystemRandom())
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def uri(self) -> str:
        return f"sip:anna@127.0.0.1:{self.endpoint.port}"

    def full(self) -> str:
        return ""

    def on_register(self, user: str, request: SipRequest, flow: Flow) -> SipResponse:
        return response_to(request, 200, (("Contact", f"{request.get('Contact')};expires=600"),), tag="r")

    def on_call(self, call: IncomingCall) -> None:
        self.invites.append(call.request)
        call.on_cancelled = self._count
        if self.does in STATUS:
            call.refuse(STATUS[self.does])
            return
        call.ring()
        if self.does == "answer":
            task = asyncio.create_task(self._answer(call))
            self.tasks.add(task)

    def _count(self) -> None:
        self.cancelled += 1

    async def _answer(self, call: IncomingCall) -> None:
        sockets = await open_sockets("127.0.0.1", self._pool)
        answered = CalleeCall(sockets)

        def answer() -> None:
            negotiation = call.negotiate(LocalMedia("127.0.0.1", sockets.port, ("PCMU",)))
            assert negotiation is not None
            answered.session = call.answer(negotiation, answered)
            assert negotiation.plan is not None
            answered.on_media(negotiation.plan)

        self.using(answer)
        self.calls.append(answered)
        answered.send(self.says)

    def using(self, work: Callable[[], None]) -> None:
        self.endpoint.act()
        work()
        self.endpoint.settle()

    def hang_up(self) -> None:
        session = self.calls[-1].session
        assert session is not None
        self.using(session.hang_up)


class CalleeCall:
    """One call that was answered. It is the listener of its session."""

    def __init__(self, sockets: MediaSockets) -> None:
        self.session: SipSession | None = None
        self.heard = b""
        self.over: SessionEnd | None = None
        self._sound: RtpSession | None = None
        self._sockets, self._loop = sockets, asyncio.get_running_loop()

    def send(self, sound: bytes) -> None:
        assert self._sound is not None
        self._sound.sender.put(sound)

    def on_media(self, plan: MediaPlan) -> None:
        if self._sound is None:
            self._sound = RtpSession(plan, self._sockets, self._loop.time, self._hear, lambda digit: None)
            shared_pacer().add(self._sound)

    def _hear(self, sound: bytes) -> None:
        self.heard += sound

    def on_ringing(self, status: int) -> None: ...

    def on_connected(self) -> None: ...

    def on_digits(self, digits: str) -> None: ...

    def on_over(self, end: SessionEnd) -> None:
        self.over = end
        if self._sound is not None:
            shared_pacer().remove(self._sound)
            self._sound.close()


@asynccontextmanager
async def sip_callee(
    does: Does = "answer", says: bytes = b"\xff" * 160, password: str = ""
) -> AsyncGenerator[SipCallee, None]:
    """Somebody with a telephone; with `password` of the user "desk" it asks who calls."""
    callee = SipCallee(does, says)
    digest = DigestServer("callee", {"desk": password}) if password else None
    everybody = read_networks(["127.0.0.0/8"])
    guard = Guard((), everybody) if password else Guard(everybody, ())
    async with SipEndpoint(SipListen("127.0.0.1", 0), guard, callee, digest).opened() as callee.endpoint:
        yield callee
        for call in callee.calls:
            if call.session is not None and call.over is None:
                callee.using(call.session.hang_up)
