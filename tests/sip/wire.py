"""Two user agents and a wire between them, on a clock of their own: hours of calls in milliseconds."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from lineside.rtp.media_plan import MediaPlan
from lineside.sip.core import SessionEnd
from lineside.sip.digest import DigestServer
from lineside.sip.flow import Flow
from lineside.sip.guard import Guard, read_networks
from lineside.sip.incoming import IncomingCall
from lineside.sip.message import SipRequest, SipResponse
from lineside.sip.offer_answer import LocalMedia, Negotiation
from lineside.sip.outgoing import CallTarget, OutgoingCall
from lineside.sip.responses import response_to
from lineside.sip.session import SipSession
from lineside.sip.timers import TimerQueue
from lineside.sip.user_agent import UserAgent

DELAY = 0.01  # seconds on the wire


@dataclass
class Heard:
    """What a session's listener was told."""

    connected: int = 0
    plans: list[MediaPlan] = field(default_factory=list)
    digits: str = ""
    ringing: list[int] = field(default_factory=list)
    ends: list[SessionEnd] = field(default_factory=list)

    def on_ringing(self, status: int) -> None:
        self.ringing.append(status)

    def on_connected(self) -> None:
        self.connected += 1

    def on_media(self, plan: MediaPlan) -> None:
        self.plans.append(plan)

    def on_digits(self, digits: str) -> None:
        self.digits += digits

    def on_over(self, end: SessionEnd) -> None:
        self.ends.append(end)


class Side:
    """One user agent: its address, whom it has on the line, what it sent."""

    name = "lineside"

    def __init__(self, wire: "Wire", host: str, *, trusts: str = "10.0.0.0/8", digest: DigestServer | None = None):
        self.host, self._wire = host, wire
        self.sent: list[bytes] = []
        self.answers = True
        self.full_because = ""
        self.calls: list[IncomingCall] = []
        self.sessions: list[SipSession] = []
        self.heard = Heard()
        guard = Guard(read_networks(filter(None, trusts.split(","))), read_networks(["10.0.0.0/8"]))
        self.agent = UserAgent(self, wire.timers, self._send, guard, self, digest)

    def address(self, flow: Flow) -> tuple[str, int]:
        return self.host, 5060

    def full(self) -> str:
        return self.full_because

    def on_call(self, call: IncomingCall) -> None:
        self.calls.append(call)
        call.ring()
        if self.answers:
            self.answer(call)

    def answer(self, call: IncomingCall) -> None:
        negotiation = call.negotiate(LocalMedia(self.host, 16_000, ("PCMA", "PCMU")))
        if negotiation is None:
            return
        session = call.answer(negotiation, self.heard)
        if session is not None:
            self.sessions.append(session)
            if negotiation.plan is not None:
                self.heard.on_media(negotiation.plan)

    def on_register(self, user: str, request: SipRequest, flow: Flow) -> SipResponse:
        request.addresses("Contact")
        return response_to(request, 200, (("Contact", request.get("Contact")),), tag="r")

    def call(self, other: "Side", **more: object) -> tuple[OutgoingCall, Heard]:
        heard = Heard()
        target = CallTarget(f"sip:agent@{other.host}", Flow("UDP", other.host, 5060), f"sip:me@{self.host}", **more)  # type: ignore[arg-type]
        negotiation = Negotiation(LocalMedia(self.host, 20_000, ("PCMU", "PCMA")))
        return self.agent.call(target, negotiation, heard), heard

    def _send(self, flow: Flow, data: bytes) -> None:
        self.sent.append(data)
        self._wire.carry(self, flow, data)

    def lines(self, start: str) -> list[bytes]:
        """What it sent that begins so."""
        return [data for data in self.sent if data.startswith(start.encode())]


class Wire:
    """Carries what is sent, with loss if it is asked for."""

    def __init__(self, *, loss: float = 0.0, seed: int = 1) -> None:
        self.timers = TimerQueue()
        self.sides: dict[str, Side] = {}
        self.loss, self._random = loss, random.Random(seed)  # noqa: S311 - loss of a test
        self.drops: Callable[[Side, bytes], bool] = lambda side, data: False

    def side(self, host: str, **more: object) -> Side:
        self.sides[host] = Side(self, host, **more)  # type: ignore[arg-type]
        return self.sides[host]

    def carry(self, source: Side, flow: Flow, data: bytes) -> None:
        if self._random.random() < self.loss or self.drops(source, data):
            return
        target = self.sides.get(flow.host)
        if target is not None:
            arrived = Flow("UDP", source.host, 5060)
            self.timers.after(DELAY, lambda: target.agent.receive(data, arrived))

    def run(self, seconds: float) -> None:
        self.timers.advance(self.timers.now + seconds)


def two(**more: object) -> tuple[Wire, Side, Side]:
    """A wire, a caller and a callee."""
    wire = Wire(**more)  # type: ignore[arg-type]
    return wire, wire.side("10.0.0.1"), wire.side("10.0.0.2")
