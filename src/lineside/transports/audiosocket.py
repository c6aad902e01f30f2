"""A call over Asterisk's AudioSocket: TCP, linear sound, no buffer at the far end.

What comes late is heard late and what comes early is lost, so frames leave by the shared pacer, exactly every 20 ms,
silence too: Asterisk ends a call on which nothing comes for two seconds. `clear` is exact: the queue is ours.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, cast

from lineside.errors import TransportError
from lineside.line_report import ArrivalJitter, LineMeasured
from lineside.protocol import Codec, Dtmf, EndReason, ServerMessage
from lineside.transports.audiosocket_frames import (
    DIGIT,
    FAILED,
    HANG_UP,
    KINDS,
    RATES,
    UUID_KIND,
    AudioSocketReader,
    SocketFrame,
    call_of,
    socket_frame,
)
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.keys import KEYS
from lineside.transports.line_control import (
    LINE_ENDS,
    LineControl,
    OnlyHangsUp,
    TransferOutcome,
    TransferTarget,
)
from lineside.transports.pacer import PacedQueue, shared_pacer
from lineside.transports.work_budget import FRAME_WORK, WorkBudget

FIRST_WITHIN = 5.0  # seconds for the UUID, and then for the first sound, which tells the rate
NO_SOUND = 15.0  # seconds without a frame, after which the caller counts as gone; Asterisk sends silence too
USUAL = 48_000  # samples a second at most of a call; sound of more is refused
EARLY = 50  # frames of sound before anybody listens


class AudioSocket(asyncio.Protocol):
    """One connection, from its UUID on. It becomes a line once the first sound has told the rate."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._reader, self._budget = AudioSocketReader(), WorkBudget(loop.time)
        self.named: asyncio.Future[str] = loop.create_future()  # the UUID
        self.rated: asyncio.Future[int] = loop.create_future()  # samples a second
        self.gone: asyncio.Future[str] = loop.create_future()  # why nothing more comes: "", or what was wrong
        self._early: list[SocketFrame] = []
        self._take: Callable[[SocketFrame], None] | None = None
        self._transport: asyncio.Transport | None = None

    # ── called by the event loop ───────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self.gone.done():
            return
        frames = self._reader.feed(data)
        if not self._budget.spend(len(data) + FRAME_WORK * max(1, len(frames))):
            self.end("audiosocket: too many frames or bytes in a second")
            return
        try:
            for frame in frames:
                self._frame(frame)
        except TransportError as fault:
            self.end(str(fault))

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`. The caller's hang-up is no frame but the end of the connection."""
        self._finish("" if exc is None else "audiosocket: the connection broke")

    # ── for who holds the call ─────────────────────────────────────────────────────────────────────────────────────

    def listen(self, take: Callable[[SocketFrame], None]) -> None:
        """Hand over every frame; first those that have come."""
        self._take = take
        for frame in self._early:
            take(frame)
        self._early = []

    def write(self, data: bytes) -> bool:
        """Send frames; False: the peer does not read. To one that is going nothing is sent."""
        if self._transport is None or self._transport.is_closing():
            return True
        self._transport.write(data)
        return self._transport.get_write_buffer_size() < 256 * 1024

    def end(self, why: str = "") -> None:
        """Close the connection, after what has been written."""
        self._finish(why)
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Be gone at once."""
        self._finish("")
        if self._transport is not None:
            self._transport.abort()

    def _frame(self, frame: SocketFrame) -> None:
        if not self.named.done():
            self.named.set_result(call_of(frame))
        elif frame.kind == HANG_UP:
            self._finish("")
        elif frame.kind == FAILED:
            self._finish("audiosocket: Asterisk reports an error")
        elif self._take is not None:
            self._take(frame)
        else:
            if frame.kind in RATES and not self.rated.done():
                self.rated.set_result(RATES[frame.kind])
            if len(self._early) < EARLY:
                self._early.append(frame)

    def _finish(self, why: str) -> None:
        if not self.gone.done():
            self.gone.set_result(why)
        for waited in (self.named, self.rated):
            waited.cancel()


class AudioSocketTransport(OnlyHangsUp):
    """Both faces of a call over AudioSocket. Where the call goes afterwards is the dialplan's to say."""

    codec: Codec = "pcm"

    def __init__(self, socket: AudioSocket, rate: int, meter: AudioMeter, control: LineControl | None = None) -> None:
        """`rate` as the first sound told it; ours is the same. `control` does what the socket cannot.

        Raises `TransportError` for a rate that is too high.
        """
        self._control = control or OnlyHangsUp()
        self.abilities = self._control.abilities
        if rate > USUAL:
            raise TransportError("bad_first_message", f"audiosocket: {rate} Hz; set the channel to c(slin16)")
        self.rate = rate
        self._socket, self._meter = socket, meter
        self._kind = KINDS[rate]
        self._frame = rate // 50 * 2
        self._over: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
        self._clock = asyncio.get_running_loop().time
        self._listener: TransportListener | None = None
        self._jitter = ArrivalJitter()
        self._heard_at, self._heard, self._spoken = self._clock(), 0, 0  # seconds; bytes and frames not counted yet
        self._queue = PacedQueue(
            self._send_frame,
            frame_bytes=self._frame,
            silence=bytes(self._frame),
            reached=self._reached,
            clock=self._clock,
        )

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._listener, self._heard_at = listener, self._clock()
        watching = asyncio.create_task(self._watch(), name="audiosocket watch")
        self._socket.gone.add_done_callback(self._gone)
        self._socket.listen(self._take)
        shared_pacer().add(self._queue)
        try:
            return await self._over
        finally:
            shared_pacer().remove(self._queue)
            listener.on_line_measured(
                LineMeasured(
                    received=self._jitter.pieces,
                    jitter=self._jitter.seconds,
                    silence_after=self._queue.silence_after,
                )
            )
            self._listener = None
            watching.cancel()
            await asyncio.wait([watching])
            self._count()

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._queue.put(payload)

    def clear(self) -> float | None:
        """See `Transport`: exact."""
        return self._queue.clear()

    def mark(self, name: str) -> bool:
        """See `Transport`: it comes back when the frame before it has left."""
        self._queue.mark(name)
        return True

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`: a telephone has no words for events."""

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`: the dialplan goes on after it."""
        await self._control.hang_up(reason)
        if not self._socket.gone.done():
            self._socket.write(socket_frame(HANG_UP, b""))
            await asyncio.wait([self._socket.gone], timeout=LINE_ENDS / 5)
        self._socket.end()

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`."""
        return await self._control.transfer(target, how)

    def _take(self, frame: SocketFrame) -> None:
        listener = self._listener
        if listener is None or self._over.done():
            return
        if frame.kind == self._kind:
            if frame.payload:
                self._heard_at = self._clock()
                self._heard += len(frame.payload)
                self._jitter.came(self._heard_at, len(frame.payload) / self.rate / 2)
                listener.on_audio(frame.payload[: len(frame.payload) & ~1])
        elif frame.kind == DIGIT:
            key = frame.payload.decode("ascii", "replace").upper()
            if key in KEYS and key:
                listener.on_message(Dtmf(key))
        elif frame.kind in RATES:
            self._end(TransportError("bad_message", "audiosocket: the sample rate changed within the call"))
        elif frame.kind == UUID_KIND:
            self._end(TransportError("bad_message", "audiosocket: a second start; one connection is one call"))

    def _send_frame(self, frame: bytes, speech: bool) -> None:
        self._spoken += speech
        if self._spoken >= 50:
            self._count()
        if not self._socket.write(socket_frame(self._kind, frame)):
            self._end(TransportError("caller_not_reading", "audiosocket: Asterisk does not read what is sent to it"))

    def _count(self) -> None:
        self._meter.sent(self._spoken / 50, self._spoken)
        self._meter.heard(self._heard / self.rate / 2, self._heard // self._frame)
        self._heard = self._spoken = 0

    def _reached(self, name: str) -> None:
        if self._listener is not None:
            self._listener.on_mark(name)

    def _gone(self, gone: "asyncio.Future[str]") -> None:
        if not self._over.done():
            self._over.set_result("line_lost" if gone.result() else "caller_hung_up")

    def _end(self, fault: TransportError) -> None:
        if not self._over.done():
            self._over.set_exception(fault)

    async def _watch(self) -> None:
        """A connection that is half open brings nothing more, and no end either."""
        while True:
            await asyncio.sleep(1.0)
            if self._clock() - self._heard_at > NO_SOUND:
                with suppress(asyncio.InvalidStateError):
                    self._over.set_result("no_audio")
