"""The server's end of a WebSocket (RFC 6455), for sound: frames are read in the same step as the bytes they come in.

The usual servers put every message in a queue and wake a task for it; with fifty messages a second from each caller
that is a large part of what a call costs (docs/decisions/0005-websockets-read-straight.md). Here whoever listens is
called at once, and must not wait. What a peer may make this process do in a second is bounded, frames that are no
messages included (`work_budget`): one who does more is closed with 1008.
"""

import asyncio
from collections.abc import Callable

from lineside.errors import TransportError
from lineside.transports.early_messages import EarlyMessages, Message
from lineside.transports.keepalive import Keepalive
from lineside.transports.websocket_frames import (
    BINARY,
    CLOSE,
    CONTROL,
    LOST,
    NO_CODE,
    NORMAL,
    NOT_UTF8,
    PING,
    POLICY_VIOLATION,
    PONG,
    SOUND,
    SOUND_IN_TEXT,
    TEXT,
    Frame,
    FrameReader,
    ProtocolViolation,
    close_code,
    framed,
)
from lineside.transports.websocket_handshake import welcome
from lineside.transports.work_budget import FRAME_WORK, WorkBudget

STEP_BYTES = 32 * 1024  # of sound that are heard in one step; of more only so many frames, and the rest a little later
STEP_PAUSE = 0.01  # seconds in which others are heard, between two steps of a peer who sent much at once


class WebSocket(asyncio.Protocol):
    """One socket. `heartbeat`: seconds between pings; a peer that is silent for two of them is gone."""

    def __init__(
        self,
        largest: int,
        heartbeat: float,
        gone: Callable[[Exception | None], None],
        budget: WorkBudget | None = None,
        *,
        pings: bool = True,
        sound_in_text: bool = False,
    ) -> None:
        """
        Args:
            largest: bytes of one message; a larger one ends it with 1009.
            heartbeat: seconds between pings.
            gone: hears of the end of the connection: it belonged to somebody before.
            budget: the work that the peer may cause.
            pings: False: only look whether anything comes; Asterisk before 20.18, 22.8 and 23.2 hangs up at a ping.
            sound_in_text: nearly all messages are text with sound in it, as carriers send; those are handed over as
                `bytes`, and must be decoded as UTF-8 by who reads them.
        """
        loop = asyncio.get_running_loop()
        self._reader, self._gone = FrameReader(largest, SOUND_IN_TEXT if sound_in_text else SOUND), gone
        self.budget = budget or WorkBudget(loop.time)
        self.over: asyncio.Future[int] = loop.create_future()  # the code that the peer closed with; 1006 for none
        self._early = EarlyMessages()
        self._listener: Callable[[Message], None] | None = None  # None too once the peer is no longer heard
        self._shed: Callable[[TransportError], None] | None = None
        self._closing = False
        self._asked: bytes | None = None  # the peer's latest ping, not answered yet
        self._probe: tuple[bytes, Callable[[], None]] | None = None  # our latest, and who waits for its answer
        self._probes = 0
        self.writable = True
        self._on_writable: Callable[[], None] = _nothing
        self._transport: asyncio.Transport
        self._keepalive = Keepalive(heartbeat, self.budget, self._ping if pings else _nothing, self.abort)

    def take_over(self, transport: asyncio.Transport, key: str, subprotocol: str = "") -> None:
        """Welcome the peer, and be the one who reads from here on. Nothing of theirs may have been read yet."""
        self._transport = transport
        transport.set_protocol(self)
        transport.write(welcome(key, subprotocol))
        self._keepalive.start()

    async def first(self) -> Message | None:
        """The first message; None if the peer is gone before it."""
        if not self.over.done():
            self.over.add_done_callback(lambda over: self._early.wake())
            await self._early.some()
        return self._early.take()

    def listen(
        self,
        listener: Callable[[Message], None],
        shed: Callable[[TransportError], None],
        on_writable: Callable[[], None] = lambda: None,
    ) -> None:
        """Hand over every message; first those that have come already.

        Args:
            listener: takes a message. It must not wait or raise.
            shed: is told once when the peer causes too much work. From then on nothing of theirs is read, and it is
                for whoever listens to close the socket.
            on_writable: is called when the socket takes more after it was full.
        """
        while (message := self._early.take()) is not None:
            listener(message)
        if not self.over.done() and not self.shed_already:
            self._listener, self._shed, self._on_writable = listener, shed, on_writable
        self._read_on()

    def write(self, frames: bytes) -> None:
        """Send frames (`framed`)."""
        if not self._closing and not self._transport.is_closing():
            self._transport.write(frames)

    async def close(self, code: int, reason: bytes = b"") -> None:
        """Say that it is over, and wait until the peer has said so too. The caller bounds the wait."""
        self._say_close(code, reason)
        if self.shed_already:  # they are not listened to
            self._transport.close()
        await asyncio.wait([self.over])
        self._transport.close()

    def abort(self) -> None:
        """Be gone at once."""
        self._transport.abort()

    @property
    def shed_already(self) -> bool:
        """Whether the peer is no longer listened to."""
        return self._shed is _shed_already

    def shed(self, why: str) -> None:
        """Listen to this peer no more: they cause too much work. Closed with 1008 here, or by whoever listens."""
        if self.over.done() or self.shed_already:
            return
        on_shed, self._shed, self._listener = self._shed, _shed_already, None
        self._reader.forget()
        self._transport.pause_reading()
        if on_shed is not None:
            on_shed(TransportError("too_many_messages", why))
        else:
            self._fail(POLICY_VIOLATION, why.encode())

    # ── called by the event loop ───────────────────────────────────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if (sound := self._reader.same(data)) is not None and self._listener is not None:
            budget = self.budget
            budget.left -= len(data) + FRAME_WORK  # `spend`, without the call: this is done for every frame
            if budget.left >= 0 or budget.refill():
                self._listener(sound)
            else:
                self.shed(TOO_MUCH)
        elif len(data) > STEP_BYTES or (sounds := self._reader.sounds(data)) is None:
            self._read(data)
        elif not self.budget.spend(len(data) + FRAME_WORK * len(sounds)):
            self.shed(TOO_MUCH)
        else:
            for sound in sounds:
                self._message(sound)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._keepalive.stop()
        self._finish(LOST)
        self._gone(exc)
        # A call that is over is not held on to: in a circle it would lie about until the collector comes round.
        self._on_writable, self._gone = _nothing, lambda gone: None
        self._shed = _shed_already

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.writable = False

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.writable = True
        self._answer_ping()
        self._on_writable()

    def _read(self, data: bytes) -> None:
        """A step of what is not plain sound: some frames, and the rest after a pause in which others are heard."""
        if self.over.done() or self.shed_already:
            return
        step = self._reader.feed(data)
        if not self.budget.spend(len(data) + FRAME_WORK * max(1, step.frames)):
            self.shed(TOO_MUCH)
            return
        try:
            for frame in step.found:
                self._take(frame)
            if step.fault is not None:
                raise step.fault
        except UnicodeDecodeError:
            self._fail(NOT_UTF8, b"text is not UTF-8")
        except ProtocolViolation as fault:
            self._fail(fault.status, str(fault).encode())
        self._answer_ping()
        if step.more and not self.over.done() and not self.shed_already:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(STEP_PAUSE, self._read_on)

    def _read_on(self) -> None:
        if not self.over.done() and not self.shed_already and not self._early.full:
            self._transport.resume_reading()
            self._read(b"")  # which may pause it again

    def _take(self, frame: Frame) -> None:
        if frame.kind == BINARY:
            self._message(frame.payload)
        elif frame.kind == TEXT:
            self._message(frame.payload.decode())
        elif frame.kind == PING:
            self._asked = frame.payload
        elif frame.kind == PONG:
            if self._probe is not None and frame.payload == self._probe[0]:
                (_, answered), self._probe = self._probe, None
                answered()
        elif frame.kind == CLOSE:
            self._answer_ping()
            code = close_code(frame.payload)
            self._say_close(NORMAL if code == NO_CODE else code)
            self._finish(code)
            self._transport.close()

    def probe(self, answered: Callable[[], None]) -> None:
        """Ping the peer now; `answered` is called with its answer, which comes behind all that it had sent before.

        A later probe takes the place of one that is not answered yet.
        """
        self._probes += 1
        self._probe = str(self._probes).encode(), answered
        if self.writable:
            self.write(framed(PING, self._probe[0]))

    def _answer_ping(self) -> None:
        """Answer the latest ping (RFC 6455, 5.5.3: the others need none), unless the peer does not read."""
        if self._asked is not None and self.writable:
            payload, self._asked = self._asked, None
            self.write(framed(PONG, payload))

    def _message(self, message: Message) -> None:
        if self.over.done() or self.shed_already:
            return  # after its close frame nothing of a peer's counts
        if self._listener is not None:
            self._listener(message)
            return
        self._early.put(message)
        if self._early.full:
            self._transport.pause_reading()

    def _say_close(self, code: int, reason: bytes = b"") -> None:
        if not self._closing:
            self.write(framed(CLOSE, code.to_bytes(2, "big") + reason[: CONTROL - 2]))
            self._closing = True

    def _fail(self, code: int, reason: bytes) -> None:
        self._say_close(code, reason)
        self._finish(code)
        self._transport.close()

    def _finish(self, code: int) -> None:
        if not self.over.done():
            self.over.set_result(code)
            self._listener = None

    def _ping(self) -> None:
        self.write(framed(PING, b""))


def _nothing() -> None:
    """In place of who waits to write on."""


TOO_MUCH = "too many frames or bytes in a second; send sound as it is recorded"


def _shed_already(why: TransportError) -> None:
    """In place of who is told: the peer has been shed."""
