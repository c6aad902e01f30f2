"""A call over SIP: sound over RTP, the control face by requests inside the dialog."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

import structlog

from lineside.line_report import LineMeasured
from lineside.protocol import Codec, Dtmf, EndReason, ServerMessage
from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.session import LineQuality, RtpSession
from lineside.rtp.sockets import MediaSockets
from lineside.rtp.telephone_event import check_digits
from lineside.sip.core import SessionEnd
from lineside.sip.referral import ReferralResult
from lineside.sip.session import SipSession
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.line_control import (
    Ability,
    CannotDo,
    OnlyHangsUp,
    TransferOutcome,
    TransferResult,
    TransferTarget,
)
from lineside.transports.pacer import Pacer

log = structlog.get_logger()

FIRST_SOUND, SOUND = 30.0, 15.0  # seconds without a packet, before the first and later, after which nobody is there
LOOK_EVERY = 50  # ticks: a second
EARLY = 50  # pieces of sound that are kept before the call listens: a second
SAME_KEY = 0.5  # seconds in which a key that comes by another way too is the same one
LAST_PACKET = 0.1  # seconds between the last sound and BYE, which a telephone's buffer needs to play it
DRAIN = 1.0  # seconds for what is queued to leave before BYE
RESULTS: dict[int, TransferResult] = {
    486: "busy", 600: "busy", 408: "no_answer", 480: "no_answer", 487: "no_answer",
    403: "rejected", 603: "rejected", 405: "rejected", 404: "invalid", 410: "invalid", 484: "invalid",
}  # fmt: skip


class SipSide(Protocol):
    """The signalling of one call, as its transport needs it: each use is told to the port's clock."""

    def accept(self, listener: "SipTransport") -> SipSession | None:
        """Answer the call; None: the caller has gone."""
        ...

    def refuse(self) -> None:
        """The call is not to be answered after all."""
        ...

    def using(self, work: Callable[[], None]) -> None:
        """Do this with the session, at the port's time."""
        ...


class SipTransport(OnlyHangsUp):
    """Both faces of one call."""

    abilities: frozenset[Ability] = frozenset(("answer", "transfer_cold", "send_digits", "hold"))

    def __init__(self, side: SipSide, plan: MediaPlan, sockets: MediaSockets, pacer: Pacer, meter: AudioMeter) -> None:
        """`plan` is what was agreed on; `sockets` are open, and closed with the call; `pacer` gives the 20 ms."""
        self._loop = asyncio.get_running_loop()
        self._sound = RtpSession(plan, sockets, self._loop.time, self._on_sound, self._on_rtp_digit)
        self.codec: Codec = self._sound.codec.transport_codec
        self.rate = self._sound.codec.rate
        self._side, self._pacer, self._meter = side, pacer, meter
        self._session: SipSession | None = None
        self._listener: TransportListener | None = None
        self._over: asyncio.Future[EndReason] = self._loop.create_future()
        self._early: deque[bytes | str] = deque(maxlen=EARLY)  # sound and keys that came before `run`
        self._keys: dict[str, tuple[str, float]] = {}  # key → the way that it came by last, and when
        self._ticks, self._heard = 0, 0.0  # `heard`: seconds since the meter was told

    @property
    def quality(self) -> LineQuality:
        """How good the line is."""
        return self._sound.quality()

    # ── the media face ─────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`. Over with BYE, or when no sound comes any more."""
        self._listener = listener
        listener.on_hold(self._sound.plan.held)
        while self._early:
            self._give(self._early.popleft())
        try:
            return await asyncio.shield(self._over)
        finally:
            listener.on_line_measured(self._measured())
            self._listener = None

    def _measured(self) -> LineMeasured:
        quality, sender = self._sound.quality(), self._sound.sender
        return LineMeasured(
            **quality.packets, jitter=quality.jitter_ms / 1000, silence_after=sender.silence_watch.seconds
        )

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._sound.sender.put(payload)

    def clear(self) -> float | None:
        """See `Transport`: to the sample, since the queue is ours."""
        return self._sound.sender.clear()

    def mark(self, name: str) -> bool:
        """See `Transport`: the clock says as much."""
        return False

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`: a telephone has no words for it."""

    def tick(self) -> None:
        """See `pacer.Paced`."""
        self._sound.tick()
        self._ticks += 1
        if self._ticks % LOOK_EVERY == 0:
            self._meter.sent(LOOK_EVERY * 0.02, LOOK_EVERY)
            self._meter.heard(self._heard, LOOK_EVERY)
            self._heard = 0.0
            self._look()

    def _look(self) -> None:
        """Once a second: whether somebody is there. While the call is held nothing need come."""
        sound = self._sound
        limit = SOUND if sound.heard_anything else FIRST_SOUND
        if not sound.plan.held and sound.silent_seconds() >= limit:
            self._end("no_audio")

    def _on_sound(self, sound: bytes) -> None:
        if self._sound.plan.held:  # music, for nobody
            return
        self._heard += len(sound) / (2 * self.rate if self.codec == "pcm" else self.rate)
        self._give(sound)

    def _give(self, came: bytes | str) -> None:
        if self._listener is None:
            self._early.append(came)
        elif isinstance(came, bytes):
            self._listener.on_audio(came)
        else:
            self._listener.on_message(Dtmf(came))

    # ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_rtp_digit(self, digit: str) -> None:
        self._pressed(digit, "rtp")

    def on_digits(self, digits: str) -> None:
        """See `SessionListener`: by INFO."""
        for digit in digits:
            self._pressed(digit, "info")

    def _pressed(self, digit: str, way: str) -> None:
        """Some telephones send a key by both ways at once: it counts by the way that brought it first."""
        now = self._loop.time()
        before, at = self._keys.get(digit, (way, 0.0))
        if before != way and now - at < SAME_KEY:
            return
        self._keys[digit] = way, now
        self._give(digit)

    # ── what signalling says ───────────────────────────────────────────────────────────────────────────────────────

    def cancelled(self) -> None:
        """The caller went before the call was answered."""
        self._end("caller_hung_up")

    def on_ringing(self, status: int) -> None:
        """See `SessionListener`: only calls of ours ring."""

    def on_connected(self) -> None:
        """See `SessionListener`: sound flows already."""

    def on_media(self, plan: MediaPlan) -> None:
        """See `SessionListener`. Hold is told to the call: its turns wait meanwhile."""
        held = self._sound.plan.held
        if plan.codec != self._sound.codec.name:
            return
        self._sound.replan(plan)
        if plan.held != held and self._listener is not None:
            self._listener.on_hold(plan.held)

    def on_over(self, end: SessionEnd) -> None:
        """See `SessionListener`."""
        self._end("line_lost" if end.by == "nobody" else "caller_hung_up")

    def _end(self, reason: EndReason) -> None:
        if not self._over.done():
            self._over.set_result(reason)

    # ── the control face ───────────────────────────────────────────────────────────────────────────────────────────

    async def answer(self) -> None:
        """See `LineControl`. Sound leaves with the 200; a caller who has cancelled is gone."""
        self._pacer.add(self)
        self._session = self._side.accept(self)
        if self._session is None:
            self._end("caller_hung_up")

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`: what is queued leaves first, unless the caller is gone."""
        session = self._session
        if session is not None and not session.over:
            if not self._sound.plan.held:
                await asyncio.sleep(min(self._sound.sender.queued_seconds, DRAIN) + LAST_PACKET)
            self._side.using(session.hang_up)
        elif session is None:
            self._side.refuse()
        self._end(reason)
        self._pacer.remove(self)
        quality = self._sound.quality()
        log.info("sound of a call over SIP", received=quality.received, lost=quality.lost, late=quality.late,
                 strangers=quality.strangers, jitter_ms=quality.jitter_ms, far_lost=quality.far_lost)  # fmt: skip
        self._sound.close()

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`: REFER, and what NOTIFY says of it."""
        session = self._session
        if how != "cold" or session is None or session.over:
            raise CannotDo("a call over SIP can only be transferred cold, while it is up")
        known: asyncio.Future[ReferralResult] = self._loop.create_future()
        headers = tuple((name, value) for name, value in target.headers.items())
        to = target.to if target.to.startswith(("sip:", "sips:", "tel:")) else self._address(target.to)
        self._side.using(lambda: session.refer(to, headers, target.ring_seconds, known.set_result))
        result = await known
        if 200 <= result.status < 300:
            self._end("transferred")
            return TransferOutcome("transferred", result.detail)
        return TransferOutcome(RESULTS.get(result.status, "failed"), f"{result.status} {result.detail}".strip())

    async def send_digits(self, digits: str) -> None:
        """See `LineControl`: as telephone-event; each key takes a quarter of a second."""
        try:
            keys = check_digits(digits.replace("w", "").replace("W", ""))
        except ValueError as wrong:
            raise CannotDo(str(wrong)) from None
        if not self._sound.sender.press(keys):
            raise CannotDo("the other side takes no keys in RTP, or too many wait")

    async def hold(self, on: bool) -> None:
        """See `LineControl`: a re-INVITE."""
        session = self._session
        if session is None or session.over:
            raise CannotDo("a call can only be held while it is up")
        self._side.using(lambda: session.hold(on))

    def _address(self, number: str) -> str:
        """A bare number is one at the other side."""
        host = self._session.dialog.flow.host if self._session is not None else "invalid"
        return f"sip:{number}@{f'[{host}]' if ':' in host else host}"
