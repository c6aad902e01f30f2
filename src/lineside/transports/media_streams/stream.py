"""A call over a carrier's media stream: its media face, and control, as far as that goes over a WebSocket."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from lineside.errors import LinesideError, TransportError
from lineside.protocol import Codec, Dtmf, EndReason, ServerMessage
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.keys import KEYS
from lineside.transports.line_control import (
    LINE_ENDS,
    Ability,
    CannotDo,
    LineControl,
    OnlyHangsUp,
    TransferOutcome,
    TransferTarget,
)
from lineside.transports.media_streams.dialect import (
    StreamAnswer,
    StreamAudio,
    StreamCleared,
    StreamDialect,
    StreamEvent,
    StreamFault,
    StreamKey,
    StreamMark,
    StreamQueue,
    StreamStarted,
    StreamStopped,
    codec_of,
)
from lineside.transports.media_streams.incoming import StreamInput
from lineside.transports.media_streams.outgoing import StreamOutput
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import NORMAL, TEXT, framed

START_WITHIN = 5.0  # seconds for the carrier to say what stream this is
EARLY = 50  # messages of sound that may come before that
TEST_TAKES = 10.0  # seconds for a carrier that only tries the connection to close it
FAULTS = 20  # messages that cannot be read; one more ends the call


class ConnectionTested(LinesideError):
    """A carrier only tried whether we are there; caught where sockets are held."""


async def started(ws: WebSocket, dialect: StreamDialect) -> tuple[StreamStarted, list[StreamAudio]]:
    """Wait for the stream's start; also the sound that came before it.

    Raises `TransportError`: it does not come, or something else comes first. Raises `ConnectionTested`.
    """
    early: list[StreamAudio] = []
    try:
        async with asyncio.timeout(START_WITHIN):
            while (message := await ws.first()) is not None:
                event = dialect.read(message)
                if isinstance(event, StreamStarted):
                    _say(ws, event.answer)
                    if event.test:
                        await _let_test(ws, dialect)
                    return event, early
                if isinstance(event, StreamAnswer):
                    _say(ws, event.answer)
                    continue
                if isinstance(event, StreamAudio) and len(early) < EARLY:
                    early.append(event)
                elif event is not None:
                    raise TransportError("bad_first_message", f"{dialect.line}: the stream did not begin with a start")
    except TimeoutError:
        why = f"{dialect.line}: the stream's start did not come within {START_WITHIN:g} s"
        raise TransportError("no_first_message", why) from None
    raise TransportError("line_lost", f"{dialect.line}: the socket closed before the stream's start")


async def _let_test(ws: WebSocket, dialect: StreamDialect) -> None:
    """Answer until they close. Raises `ConnectionTested` then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(TEST_TAKES):
            while (message := await ws.first()) is not None:
                event = dialect.read(message)
                if isinstance(event, StreamAnswer | StreamStopped):
                    _say(ws, event.answer)
                if isinstance(event, StreamStopped):
                    break
    raise ConnectionTested(dialect.line)


def _say(ws: WebSocket, message: str) -> None:
    if message and ws.writable:
        ws.write(framed(TEXT, message.encode()))


def stream_codec(begun: StreamStarted, dialect: StreamDialect) -> tuple[Codec, int]:
    """The codec and rate of the call: as it comes, unless what we send has to be something else.

    Raises `TransportError`: sound comes at another rate than it has to go.
    """
    if begun.rate != dialect.rate or not 8000 <= begun.rate <= 48_000:
        why = f"{dialect.line}: sound comes at {begun.rate} Hz and goes at {dialect.rate}; ask for one rate both ways"
        raise TransportError("bad_first_message", why)
    same = codec_of(begun.encoding) == codec_of(dialect.encoding)
    return (codec_of(begun.encoding) if same else "pcm"), begun.rate


class MediaStream(OnlyHangsUp):
    """One call on one stream: its media face, and as much of control as there is without the carrier's REST."""

    def __init__(
        self,
        ws: WebSocket,
        dialect: StreamDialect,
        begun: StreamStarted,
        meter: AudioMeter,
        early: list[StreamAudio] | None = None,
        carrier: LineControl | None = None,
    ) -> None:
        """`early` came before the start; `carrier` does what the socket cannot; None: nobody does."""
        self.codec, self.rate = stream_codec(begun, dialect)
        self.abilities: frozenset[Ability] = carrier.abilities if carrier is not None else frozenset()
        self._ws, self._dialect, self._begun, self._carrier = ws, dialect, begun, carrier
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[EndReason] = loop.create_future()
        self._out = StreamOutput(ws, dialect, meter, self.codec, self._over)
        self._sound = StreamInput(begun, self.codec, meter, early or [])
        self._faults = 0
        self.handing_on = False

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._sound.begin(listener)
        self._ws.over.add_done_callback(self._gone)
        self._ws.listen(lambda message: self._message(message, listener), self._shed, self._out.flush)
        try:
            return await self._over
        finally:
            self._ws.listen(lambda message: None, lambda why: None)
            self._out.stop()
            listener.on_line_measured(self._sound.measured(self._out.silence_watch.seconds))
            self._sound.end()

    # ── media ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._out.sound(payload)

    def clear(self) -> float | None:
        """See `Transport`: marks tell what was heard."""
        self._out.clear()
        return None

    def mark(self, name: str) -> bool:
        """See `Transport`."""
        if self._dialect.has_marks:
            self._out.mark(name)
        return self._dialect.has_marks

    def probe(self, answered: Callable[[], None]) -> None:
        """See `ProbedTransport`: a ping."""
        self._ws.probe(answered)

    def ask_queue(self) -> None:
        """Ask how much waits to be played: a sign of life of a far end that sends no sound for a while."""
        if status := self._dialect.status():
            self._ws.write(framed(TEXT, status.encode()))

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`: a telephone has no words for events."""

    # ── control ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`: the carrier ends the call, says so on the socket, and closes it; else we do."""
        self._out.stop()
        if self._carrier is not None:
            await self._carrier.hang_up(reason)
        gone = self._over.done() and not self._over.cancelled()  # cancelled: the call ends, and the far end is there
        goodbye = "" if gone else self._dialect.hang_up()
        if goodbye:
            self._ws.listen(self._closing, lambda why: None)
            self._ws.write(framed(TEXT, goodbye.encode()))
        waits = LINE_ENDS if (self._carrier is not None or goodbye) and not gone else 0.0
        await asyncio.wait([self._ws.over], timeout=waits)
        try:
            async with asyncio.timeout(1.0):
                await self._ws.close(NORMAL)
        except TimeoutError:
            pass
        finally:
            self._ws.abort()

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`. The stream stops while the carrier moves the call; that is then no hang-up."""
        self.handing_on = True
        try:
            outcome = await self._control().transfer(target, how)
        except BaseException:
            self.handing_on = False
            raise
        self.handing_on = outcome.done
        return outcome

    async def send_digits(self, digits: str) -> None:
        """See `LineControl`."""
        await self._control().send_digits(digits)

    async def hold(self, on: bool) -> None:
        """See `LineControl`."""
        await self._control().hold(on)

    def _control(self) -> LineControl:
        if self._carrier is None:
            raise CannotDo(f"{self._dialect.line}: nothing but hanging up works without the keys of the account")
        return self._carrier

    # ── what comes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _message(self, message: bytes | str, listener: TransportListener) -> None:
        """Called for every message, waits for nothing. What cannot be borne ends the call, in `run`."""
        if self._over.done():
            return
        try:
            self._take(self._dialect.read(message), listener)
        except TransportError as fault:
            self._faults += 1
            if fault.code in ("too_fast", "bad_first_message") or self._faults > FAULTS:
                self._over.set_exception(fault)
            else:
                listener.on_bad_message(fault)
        except Exception as fault:
            self._over.set_exception(fault)

    def _closing(self, message: bytes | str) -> None:
        """They say goodbye too, and may wait for an answer to it."""
        with suppress(TransportError):
            event = self._dialect.read(message)
            if isinstance(event, StreamAnswer | StreamStopped):
                _say(self._ws, event.answer)
            if isinstance(event, StreamStopped):
                self._finish("transferred" if self.handing_on else "caller_hung_up")

    def _take(self, event: StreamEvent, listener: TransportListener) -> None:
        match event:
            case StreamAudio():
                self._sound.take(event)
            case StreamKey(digit=digit) if digit in KEYS and digit:
                listener.on_message(Dtmf(digit))
            case StreamMark(name=name):
                self._out.silence_watch.marked(name)
                listener.on_mark(name)
            case StreamCleared():
                self._out.silence_watch.silent()
            case StreamAnswer(answer=answer):
                _say(self._ws, answer)
            case StreamStopped(answer=answer):
                _say(self._ws, answer)
                self._finish("transferred" if self.handing_on else "caller_hung_up")
            case StreamStarted():
                raise TransportError("bad_first_message", f"{self._dialect.line}: a second start on one stream")
            case StreamQueue(seconds=waits):
                self._out.queue_is(waits)
            case StreamFault(message=why):
                listener.on_bad_message(TransportError("bad_message", f"{self._dialect.line} says: {why[:200]}"))

    def _finish(self, reason: EndReason) -> None:
        if not self._over.done():
            self._over.set_result(reason)

    def _gone(self, over: "asyncio.Future[int]") -> None:
        self._finish("transferred" if self.handing_on else "caller_hung_up" if over.result() < 1006 else "line_lost")

    def _shed(self, why: TransportError) -> None:
        if not self._over.done():
            self._over.set_exception(why)
