"""A call with a line of its own that programs lead from beside: WebSockets with its events, which may send commands."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from lineside.errors import TransportError
from lineside.protocol import EndReason
from lineside.realtime.session import RealtimeSession
from lineside.realtime.transport import LAST_WORDS, RealtimeOutbox
from lineside.transports.line_control import LineControl
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import INTERNAL_ERROR, NORMAL, POLICY_VIOLATION

log = structlog.get_logger()

SOCKETS = 4  # beside one call; one more is refused
OWN = "session.created"  # each socket gets its own when it comes

Take = Callable[[bytes | str], None]


class LedCall:
    """One call, from the time that a program may know of it to its end."""

    def __init__(self, call_id: str, end: Callable[[], None]) -> None:
        """`end` ends the call, whatever stage it is in."""
        loop = asyncio.get_running_loop()
        self.id, self.end = call_id, end
        self.control: LineControl | None = None  # of a telephone line, once it is connected
        self._up: asyncio.Future[tuple[RealtimeSession, Take]] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()
        self._outboxes: list[RealtimeOutbox] = []
        self._sockets = 0  # those included that wait for the call to be up

    @property
    def has_room(self) -> bool:
        """Whether one more socket is taken."""
        return self._sockets < SOCKETS

    def put(self, kind: str, fields: dict[str, Any]) -> None:
        """An event, for all who are beside it."""
        if kind != OWN:
            for outbox in self._outboxes:
                outbox.put(kind, fields)

    def line_is_up(self, session: RealtimeSession, take: Take) -> None:
        """The call goes on from here; `take` has a client's message carried out."""
        if not self._up.done():
            self._up.set_result((session, take))

    def over(self) -> None:
        """The call is over, or never came about."""
        if not self._over.done():
            self._over.set_result(None)

    async def attend(self, ws: WebSocket) -> None:
        """Hold one socket beside the call until either is over. It waits where the call is not up yet."""
        self._sockets += 1
        code = NORMAL
        try:
            waits: list[asyncio.Future[Any]] = [self._up, self._over, ws.over]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if self._up.done() and not self._over.done():
                code = await self._lead(ws, *self._up.result())
            async with asyncio.timeout(LAST_WORDS):
                await ws.close(code)
        except TimeoutError:
            log.info("a socket beside a call did not close in time", call=self.id)
        finally:
            self._sockets -= 1
            ws.abort()

    async def _lead(self, ws: WebSocket, session: RealtimeSession, take: Take) -> int:
        """Events out, commands in; answers the code to close with. A fault of this socket is no other's."""
        gone: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
        outbox = RealtimeOutbox(ws, gone)

        def message(came: bytes | str) -> None:
            if not gone.done():
                try:
                    take(came)
                except Exception as bug:
                    gone.set_exception(bug)

        def shed(why: TransportError) -> None:
            if not gone.done():
                gone.set_exception(why)

        outbox.put(OWN, {"event_id": session.new_id("event"), "session": session.config})
        self._outboxes.append(outbox)
        try:
            ws.listen(message, shed, outbox.flush)
            waits: list[asyncio.Future[Any]] = [gone, self._over, ws.over]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._outboxes.remove(outbox)
            ws.listen(lambda message: None, lambda why: None, outbox.flush)
        outbox.flush()
        match gone.exception() if gone.done() else None:
            case None:
                return NORMAL
            case TransportError() as why:
                log.warning("a socket beside a call was closed", call=self.id, why=str(why))
                return POLICY_VIOLATION
            case bug:
                log.error("a command from beside a call failed", call=self.id, exc_info=bug)
                return INTERNAL_ERROR
