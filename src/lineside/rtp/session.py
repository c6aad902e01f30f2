"""One call's sound over RTP, both ways: sockets, the tick, reports. The rules are in the modules beside it."""

import random
import secrets
import time
from collections.abc import Callable
from ipaddress import ip_address

from msgspec import Struct

from lineside.rtp.codecs import new_codec
from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.packet import parse_rtp
from lineside.rtp.receiver import RtpReceiver
from lineside.rtp.rtcp import SentSound, build_report, parse_rtcp
from lineside.rtp.sender import RtpSender
from lineside.rtp.sockets import MediaSockets
from lineside.rtp.source_lock import Address, SourceLock
from lineside.rtp.srtp import Protection, no_protection, protection_of

REPORT_EVERY = 5.0  # seconds, give or take a half, so that calls do not report at one moment (RFC 3550, section 6.3)


class LineQuality(Struct, frozen=True):
    """How good the line is, both ways."""

    received: int  # packets
    lost: int  # packets that have not come
    late: int  # packets that came too late, or twice
    concealed: int  # packets in whose place sound was made up
    strangers: int  # packets of somebody else
    jitter_ms: float
    reorder_ms: float  # how long a packet waits for one before it
    far_lost: int  # packets of ours that the other side misses, as it reports
    far_jitter_ms: float

    @property
    def packets(self) -> dict[str, int]:
        """The packets by what became of them."""
        kinds = ("received", "lost", "late", "concealed", "strangers", "far_lost")
        return {kind: int(getattr(self, kind)) for kind in kinds}


class RtpSession:
    """One call's sound."""

    def __init__(
        self,
        plan: MediaPlan,
        sockets: MediaSockets,
        clock: Callable[[], float],
        on_sound: Callable[[bytes], None],
        on_digit: Callable[[str], None],
    ) -> None:
        """
        Args:
            plan: what the SDP agreed on.
            sockets: open ones; they are closed with the session.
            clock: seconds.
            on_sound: takes the caller's sound, in order and without gaps, in the codec's `transport_codec`.
            on_digit: takes each key that is pressed, once.
        """
        self.codec = new_codec(plan.codec)
        self.sender = RtpSender(plan, self.codec, clock)
        self.last_goodbye = False  # the other side said that its stream has ended
        self._sockets, self._clock = sockets, clock
        self.began = clock()
        lock = SourceLock(plan.remote, self.began, nat=behind_nat(plan.remote[0]))
        self.receiver = RtpReceiver(plan, self.codec, lock, on_sound, on_digit)
        self._protection: Protection = no_protection() if plan.keys is None else protection_of(plan.keys)
        self._cname = secrets.token_hex(8).encode()
        self._next_report = self.began + REPORT_EVERY * random.uniform(0.5, 1.5)  # noqa: S311
        self._sender_time, self._sender_came = 0, 0.0  # of their last report
        self._far_lost, self._far_jitter = 0, 0
        sockets.listen(self._on_rtp, self._on_rtcp)

    @property
    def plan(self) -> MediaPlan:
        """What is agreed on."""
        return self.sender.plan

    def replan(self, plan: MediaPlan) -> None:
        """A re-INVITE changed something: hold, an address, a payload type. The codec stays."""
        old = self.plan
        self.sender.plan = self.receiver.plan = plan
        if plan.remote != old.remote:
            self.receiver.lock.expect(plan.remote, self._clock())
        if plan.keys is not None and plan.keys != old.keys:
            self._protection = protection_of(plan.keys)

    def silent_seconds(self) -> float:
        """Since the last packet of the caller, or since the call began."""
        return self._clock() - (self.receiver.latest or self.began)

    @property
    def heard_anything(self) -> bool:
        """Whether a packet of the caller has come."""
        return self.receiver.latest is not None

    def quality(self) -> LineQuality:
        """How good the line is."""
        receiver = self.receiver
        return LineQuality(
            received=receiver.counter.received,
            lost=receiver.counter.lost,
            late=receiver.order.late,
            concealed=receiver.concealed,
            strangers=receiver.lock.strangers,
            jitter_ms=round(receiver.order.jitter * 1000, 1),
            reorder_ms=round(receiver.order.window * 1000, 1),
            far_lost=self._far_lost,
            far_jitter_ms=round(self._far_jitter / 8, 1),
        )

    def tick(self) -> None:
        """Called every 20 ms: what is due goes out, what has waited comes in."""
        packets = self.sender.tick()
        if packets:
            to = self._target()
            for packet in packets:
                self._sockets.send(self._protection.protect(packet), to)
        now = self._clock()
        self.receiver.tick(now)
        if now >= self._next_report:
            self._next_report = now + REPORT_EVERY * random.uniform(0.5, 1.5)  # noqa: S311
            self._report(now)

    def close(self) -> None:
        """Say that the stream has ended, and close the sockets."""
        self._report(self._clock(), goodbye=True)
        self._sockets.close()

    def _target(self) -> Address:
        """Where sound goes: to where it comes from, once that is proved (RFC 4961)."""
        return self.receiver.lock.source or self.plan.remote

    def _on_rtp(self, data: bytes, source: Address) -> None:
        plain = self._protection.unprotect(data)
        packet = parse_rtp(plain) if plain is not None else None
        if packet is not None:
            self.receiver.receive(packet, source, self._clock())

    def _on_rtcp(self, data: bytes, source: Address) -> None:
        """Reports of the caller; those of a stranger are passed over."""
        hosts = {self.plan.remote_rtcp[0], self._target()[0]}
        plain = self._protection.unprotect_rtcp(data) if source[0] in hosts else None
        came = parse_rtcp(plain) if plain is not None else None
        if came is None:
            return
        if came.sender_time:
            self._sender_time, self._sender_came = came.sender_time, self._clock()
        for report in came.reports:
            if report.ssrc == self.sender.ssrc:
                self._far_lost, self._far_jitter = report.lost, report.jitter
        if self.receiver.counter.ssrc in came.goodbye:
            self.last_goodbye = True

    def _report(self, now: float, *, goodbye: bool = False) -> None:
        sender, receiver = self.sender, self.receiver
        sent = SentSound(sender.ssrc, time.time(), sender.timestamp, sender.packets, sender.payload_bytes)
        received = receiver.counter.report(receiver.order.jitter, self._sender_time, now - self._sender_came)
        packet = self._protection.protect_rtcp(build_report(sent, received, self._cname, goodbye=goodbye))
        if self.plan.rtcp_mux:
            self._sockets.send(packet, self._target())
        else:
            self._sockets.send_rtcp(packet, self.plan.remote_rtcp)


def behind_nat(host: str) -> bool:
    """Whether an address in an SDP may be one that only its own network knows, so that sound may come from another."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_private and not address.is_loopback
