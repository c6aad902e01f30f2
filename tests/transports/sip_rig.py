"""A call over SIP in memory: two user agents, two sounds, no sockets; for checks on virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import cast

from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.session import RtpSession
from lineside.rtp.sockets import MediaSockets, OnDatagram
from lineside.rtp.source_lock import Address
from lineside.sip.offer_answer import LocalMedia
from lineside.sip.session import SipSession
from lineside.transports.base import AudioMeter
from lineside.transports.line_control import CallLeg
from lineside.transports.pacer import shared_pacer
from lineside.transports.sip import SipTransport
from tests.sip.wire import Wire

CALLER, AGENT, STRANGER = ("10.0.0.1", 20_000), ("10.0.0.2", 16_000), ("203.0.113.9", 20_000)
STEP = 0.005  # seconds between two looks at the wire


class MemorySockets:
    """What stands for the sockets of one side; what is sent is there at once."""

    def __init__(self, at: Address) -> None:
        self.at, self.other = at, self
        self.cut = False
        self.on_rtp: OnDatagram = lambda data, source: None
        self.on_rtcp: OnDatagram = lambda data, source: None
        self.sent: list[tuple[float, bytes]] = []
        self.targets: list[tuple[float, Address]] = []
        self.closed = False
        self.loses: Callable[[], bool] = lambda: False
        self.late: Callable[[], float] = lambda: 0.0

    def listen(self, on_rtp: OnDatagram, on_rtcp: OnDatagram) -> None:
        self.on_rtp, self.on_rtcp = on_rtp, on_rtcp

    def send(self, packet: bytes, to: Address) -> None:
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), packet))
        self.targets.append((loop.time(), to))
        if self.cut or to != self.other.at or self.loses():
            return
        if late := self.late():
            loop.call_later(late, self.other.on_rtp, packet, self.at)
        else:
            self.other.on_rtp(packet, self.at)

    def send_rtcp(self, packet: bytes, to: Address) -> None:
        if not self.cut:
            self.other.on_rtcp(packet, self.at)

    def close(self) -> None:
        self.closed = True


class SipRig:
    """The telephone in our hands."""

    has_keys, can_vanish, is_telephone = True, True, True

    def __init__(self) -> None:
        self.wire = Wire()
        self.wire.timers.advance(asyncio.get_running_loop().time())
        self.caller, self.agent = self.wire.side(CALLER[0]), self.wire.side(AGENT[0])
        self.agent.answers = False
        self.call, self.phone = self.caller.call(self.agent)
        self.wire.run(0.1)
        self.offered = self.agent.calls[0]
        negotiation = self.offered.negotiate(LocalMedia(AGENT[0], AGENT[1], ("PCMU",)))
        assert negotiation is not None
        assert negotiation.plan is not None
        self.negotiation = negotiation
        self.ours, self.theirs = MemorySockets(AGENT), MemorySockets(CALLER)
        self.ours.other, self.theirs.other = self.theirs, self.ours
        self.pacer = shared_pacer()
        self.transport = SipTransport(self, negotiation.plan, _as_sockets(self.ours), self.pacer, AudioMeter())
        self.leg = CallLeg(self.transport, self.transport)
        self.ear = b""
        plan = MediaPlan(AGENT, AGENT, "PCMU", 0, 0, 101, 101)
        loop = asyncio.get_running_loop()
        self.far = RtpSession(plan, _as_sockets(self.theirs), loop.time, self._hear, lambda digit: None)

    def _hear(self, sound: bytes) -> None:
        self.ear += sound

    # ── the signalling of our side, as `SipSide` ──

    def accept(self, listener: SipTransport) -> SipSession | None:
        session = self.offered.answer(self.negotiation, listener)
        self.wire.run(0.0)
        return session

    def refuse(self) -> None:
        self.using(lambda: self.offered.refuse(480))

    def using(self, work: Callable[[], None]) -> None:
        self.wire.timers.advance(asyncio.get_running_loop().time())
        work()

    # ── the telephone ──

    async def watch(self) -> None:
        while True:
            self.wire.timers.advance(max(self.wire.timers.now, asyncio.get_running_loop().time()))
            await asyncio.sleep(STEP)

    async def say(self, payload: bytes) -> None:
        self.far.sender.put(payload)

    def heard(self) -> bytes:
        return self.ear

    async def press(self, key: str) -> None:
        self.far.sender.press(key)

    async def leave(self) -> None:
        assert self.call.session is not None
        self.call.session.hang_up()

    async def vanish(self) -> None:
        self.pacer.remove(self.far)
        self.wire.drops = lambda side, data: True

    @property
    def ended(self) -> bool:
        return bool(self.phone.ends)


def _as_sockets(sockets: MemorySockets) -> MediaSockets:
    return cast("MediaSockets", sockets)


@asynccontextmanager
async def sip() -> AsyncGenerator[SipRig, None]:
    """A call that rings; the telephone sends sound from now on."""
    rig = SipRig()
    watching = asyncio.create_task(rig.watch())
    rig.pacer.add(rig.far)
    try:
        yield rig
    finally:
        rig.pacer.remove(rig.far)
        rig.pacer.remove(rig.transport)
        watching.cancel()
        await asyncio.wait([watching])
