"""The line of a Realtime session: one WebSocket with JSON in text messages, sound as base64 inside of it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from lineside.audio.frame import SAMPLE_BYTES
from lineside.errors import TransportError
from lineside.protocol import Codec, EndReason, ServerMessage
from lineside.realtime.commands import ClientCommands
from lineside.realtime.idle_timer import IdleTimer
from lineside.realtime.session import RealtimeSession
from lineside.realtime.sound import LINE_RATE, InputAudio
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.line_control import OnlyHangsUp
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import INTERNAL_ERROR, NORMAL, POLICY_VIOLATION, TEXT, framed

UNSENT = 4000  # messages that wait for a client who does not read; one more ends the session
LAST_WORDS = 2.0  # seconds for the last messages to leave before the socket is closed
GOING_AWAY = 1001  # RFC 6455, 7.4.1: what OpenAI closes a session with that lasted too long
COUNT_EVERY = 50  # pieces of the caller's sound that the meter is told of together
SOUND = "response.output_audio.delta"

encode = msgspec.json.Encoder().encode


class RealtimeOutbox:
    """Events for one client, in order. Nothing put here waits for the network."""

    def __init__(self, ws: WebSocket, over: "asyncio.Future[EndReason]") -> None:
        self._ws, self.over = ws, over
        self._waiting: deque[tuple[bool, bytes]] = deque()  # whether it is sound, and the frame

    def put(self, kind: str, fields: dict[str, Any]) -> None:
        """An event."""
        frame = framed(TEXT, encode({"type": kind} | fields))
        if self._ws.writable and not self._waiting:
            self._ws.write(frame)
            return
        if len(self._waiting) >= UNSENT:
            if not self.over.done():
                why = f"more than {UNSENT} messages wait to be read by the client"
                self.over.set_exception(TransportError("caller_not_reading", why))
            self._ws.abort()
            return
        self._waiting.append((kind == SOUND, frame))

    def forget_sound(self) -> None:
        """The sound that has not left is not to be heard; events stay."""
        self._waiting = deque(item for item in self._waiting if not item[0])

    def flush(self) -> None:
        """The socket takes more."""
        while self._waiting and self._ws.writable:
            self._ws.write(self._waiting.popleft()[1])


class RealtimeTransport(OnlyHangsUp):
    """One session's WebSocket, both faces. The call's own format is fixed; the client's is the session's."""

    codec: Codec = "pcm"
    rate = LINE_RATE

    def __init__(self, ws: WebSocket, session: RealtimeSession, outbox: RealtimeOutbox, meter: AudioMeter) -> None:
        """`outbox` is where the session's events go; it tells the end of a client who does not read."""
        loop = asyncio.get_running_loop()
        self._ws, self._session, self._outbox, self._meter = ws, session, outbox, meter
        self._over = outbox.over
        self._listener: TransportListener | None = None
        self._sound = InputAudio(self._hear, loop.call_later)
        self._commands = ClientCommands(session, self._sound)
        self._pieces = self._bytes = 0  # of sound that the meter has not been told of
        self._idle = IdleTimer(self._commands, loop.call_later)
        session.hooks.apart = lambda: self._sound.apart
        session.hooks.on_quiet = self._idle.begin_anew

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._listener = listener
        self._idle.line_is_up()
        self._ws.over.add_done_callback(self._gone)
        self._ws.listen(self._message, self._shed, self._outbox.flush)
        try:
            return await self._over
        finally:
            self._ws.listen(lambda message: None, lambda why: None, self._outbox.flush)
            self._listener = None
            self._count()
            self._idle.line_is_over()

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._meter.sent(len(payload) / SAMPLE_BYTES / LINE_RATE)
        self._session.sound(payload)

    def clear(self) -> float | None:
        """See `Transport`. What has left already, the client forgets at `speech_started`."""
        self._outbox.forget_sound()
        return None

    def mark(self, name: str) -> bool:
        """See `Transport`: a client does not tell what it has played, but by `conversation.item.truncate`."""
        return False

    def probe(self, answered: Callable[[], None]) -> None:
        """See `ProbedTransport`: a ping."""
        self._ws.probe(answered)

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self._session.on_event(event)

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`: let the last messages leave, then close."""
        code = {"too_long": GOING_AWAY, "internal_error": INTERNAL_ERROR, "too_many_messages": POLICY_VIOLATION}
        self._outbox.flush()
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._ws.close(code.get(reason, NORMAL))
        except TimeoutError:
            self._ws.abort()

    def _hear(self, pcm: bytes) -> None:
        if self._listener is not None:
            self._pieces, self._bytes = self._pieces + 1, self._bytes + len(pcm)
            if self._pieces == COUNT_EVERY:
                self._count()
            self._listener.on_audio(pcm)

    def _count(self) -> None:
        """Tell the meter of what has come since it was told last."""
        self._meter.heard(self._bytes / SAMPLE_BYTES / LINE_RATE, self._pieces)
        self._pieces = self._bytes = 0

    def _message(self, message: bytes | str) -> None:
        """Called for every message, waits for nothing. A bug of ours ends the call, in `run`."""
        if self._over.done():
            return
        try:
            self._commands.take(message)
        except Exception as bug:
            self._over.set_exception(bug)

    def _gone(self, over: "asyncio.Future[int]") -> None:
        if not self._over.done():
            self._over.set_result("caller_hung_up" if over.result() in (NORMAL, 1001, 1005) else "line_lost")

    def _shed(self, why: TransportError) -> None:
        if not self._over.done():
            self._over.set_exception(why)
