"""The browser line: a WebSocket with raw sound in binary messages and JSON in text messages (`schema`).

The call may go on over another WebSocket when the first one breaks (`resumption`).
"""

import asyncio
from collections.abc import Callable

import msgspec

from lineside.audio.frame import SAMPLE_BYTES
from lineside.errors import TransportError
from lineside.protocol import EndReason, FirstMessage, Ready, Resumed, ResumeRequest, ServerMessage
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.client_texts import ClientTexts
from lineside.transports.line_control import OnlyHangsUp
from lineside.transports.outbox import Outbox
from lineside.transports.received_sound import ReceivedSound
from lineside.transports.resumption import Resumption, refused
from lineside.transports.sent_messages import SentMessages
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import INTERNAL_ERROR, LOST, NORMAL, POLICY_VIOLATION

FAULTY = {"too_fast", "too_many_messages", "too_many_turns", "frame_too_large", "odd_length", "bad_message"}
LAST_WORDS = 2.0  # seconds for the last messages to leave before the socket is closed
RESUMING = 4000  # a close code of ours (RFC 6455, 7.4.2): the caller's program gives the connection up and comes back
BROKEN = (LOST, INTERNAL_ERROR, RESUMING)  # no goodbye; a library's "ping timeout": the caller may come back


class BrowserTransport(OnlyHangsUp):
    """One WebSocket. Nothing that lineside says to it waits: it goes to an outbox, which is emptied once a step."""

    def __init__(
        self, ws: WebSocket, hello: FirstMessage, meter: AudioMeter, resumption: Resumption | None = None
    ) -> None:
        """`resumption`: how the call goes on when its connection breaks; None: it ends then."""
        self.codec, self.rate = hello.codec, hello.rate
        self._ws = ws
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._began = loop.time()
        self._over: asyncio.Future[EndReason] = loop.create_future()  # why the caller is gone, or what broke
        bytes_per_second = self.rate * (SAMPLE_BYTES if self.codec == "pcm" else 1)
        self._resumption = resumption
        sent = None if resumption is None else SentMessages(resumption.remembers)
        self._outbox = Outbox(ws, meter, bytes_per_second, self._over, sent)
        self._received = ReceivedSound(self.codec, bytes_per_second, meter)
        self._texts = ClientTexts(self._over)
        self._listener: TransportListener | None = None  # while the call runs

    def probe(self, answered: Callable[[], None]) -> None:
        """See `ProbedTransport`: a ping."""
        self._ws.probe(answered)

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._listener, self._began = listener, self._clock()
        self._attend()
        self._outbox.flush()  # what was said before, and could not leave
        try:
            return await self._over
        finally:
            self._ws.listen(lambda message: None, lambda why: None, self._outbox.flush)
            self._listener = None
            if self._resumption is not None:
                self._resumption.stop()
            self._texts.end()
            self._received.count()
            self._outbox.count()

    def resume(self, ws: WebSocket, call_id: str, asked: ResumeRequest) -> None:
        """Go on over this socket: the caller lost the other one, whether that is known here or not.

        Raises:
            TransportError: not with this token, or the call is over.
        """
        if self._resumption is None or self._listener is None or self._over.done():
            raise refused()
        resumption, received = self._resumption, self._received.messages
        away = resumption.come_back(asked.token, received)
        lost, self._ws = self._ws, ws
        lost.listen(lambda message: None, lambda why: None)
        lost.abort()
        unheard = self._outbox.move_to(
            ws, asked.received, lambda number: Resumed(call_id, resumption.token, number, received)
        )
        self._listener.on_line_back(away, unheard)
        self._attend()
        self._outbox.flush()

    def _attend(self) -> None:
        self._ws.over.add_done_callback(self._gone)
        self._ws.listen(self._message, self._shed, self._outbox.flush)

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._outbox.put(payload)

    def clear(self) -> float | None:
        """See `Transport`. What has left already, the caller's program forgets at the `clear` event."""
        self._outbox.forget_sound()
        return None

    def mark(self, name: str) -> bool:
        """See `Transport`: a page does not tell what it has played."""
        return False

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`. `ready` gets the token with which the call is resumed."""
        if type(event) is Ready and (resumption := self._resumption) is not None:
            event = msgspec.structs.replace(event, resume_token=resumption.token, resume_s=resumption.seconds)
        self._outbox.put(event)

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`: let the last messages leave, then close."""
        code = POLICY_VIOLATION if reason in FAULTY else INTERNAL_ERROR if reason == "internal_error" else NORMAL
        self._outbox.flush()
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._ws.close(code)
        except TimeoutError:
            self._ws.abort()

    def _gone(self, over: "asyncio.Future[int]") -> None:
        if self._over.done() or self._listener is None or over is not self._ws.over:
            return  # of a connection that was given up, this is no news
        broken = over.result() in BROKEN
        if broken and self._resumption is not None and self._resumption.leave(self._expired):
            self._listener.on_line_away()
        else:
            self._over.set_result("caller_hung_up" if over.result() == NORMAL else "line_lost")

    def _expired(self) -> None:
        if not self._over.done():
            self._over.set_result("line_lost")

    def _shed(self, why: TransportError) -> None:
        if not self._over.done():
            self._over.set_exception(why)

    def _message(self, message: bytes | str) -> None:
        """Called for every message, waits for nothing. What cannot be borne ends the call, in `run`."""
        if self._over.done() or self._listener is None:
            return
        try:
            self._take(message, self._listener, self._clock() - self._began)
        except Exception as fault:
            self._over.set_exception(fault)

    def _take(self, message: bytes | str, listener: TransportListener, elapsed: float) -> None:
        try:
            if isinstance(message, bytes):
                listener.on_audio(self._received.check(message, elapsed))
            else:
                self._received.messages += 1
                self._texts.read(message, listener)
        except TransportError as fault:
            self._texts.fault(fault, listener)
