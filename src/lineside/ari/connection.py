"""Asterisk's REST interface over one WebSocket: requests and their answers, and events between them.

One object for the life of the gateway; sockets come and go below it. While there is none, every request fails at once
with `AriGone`: whoever asks must be able to do without an answer, since Asterisk can go away at any moment.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import msgspec
import structlog

from lineside.ari.messages import AriMessage, at, read_message, request
from lineside.errors import LinesideError

log = structlog.get_logger()

ANSWER_WITHIN = 4.0  # seconds
MOST_WAITING = 512  # requests without an answer yet; one more fails

Write = Callable[[str], Awaitable[None]]


class AriGone(LinesideError):
    """Asterisk is not connected, or does not answer."""


class AriRefused(LinesideError):
    """Asterisk answered that it cannot do this."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"Asterisk answered {status} {why}")
        self.status = status


class Ari:
    """The REST interface of one Asterisk."""

    def __init__(self, on_event: Callable[[AriMessage], None]) -> None:
        """`on_event` hears every event; it must not wait."""
        self._on_event = on_event
        self._write: Write | None = None
        self._waiting: dict[str, asyncio.Future[AriMessage]] = {}
        self._numbers = count(1)

    @property
    def connected(self) -> bool:
        """Whether there is a socket now."""
        return self._write is not None

    def connect(self, write: Write) -> None:
        """A socket is there: `write` sends one message. The one before, if any, is not asked any more."""
        self.disconnect()
        self._write = write

    def disconnect(self, write: Write | None = None) -> None:
        """The socket is gone; who waits for an answer gets `AriGone`. `write`: only if it is still this one's."""
        if write is not None and write is not self._write:
            return
        self._write = None
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(AriGone("Asterisk's connection was lost"))

    def received(self, text: str | bytes) -> None:
        """A message came. What cannot be read is passed over."""
        try:
            message = read_message(text)
        except ValueError:
            log.warning("a message of Asterisk's cannot be read")
            return
        if message.type == "RESTResponse":
            answer = self._waiting.pop(message.request_id, None)
            if answer is not None and not answer.done():
                answer.set_result(message)
        else:
            self._on_event(message)

    async def ask(self, method: str, *path: str, body: object = None, **query: str) -> str:
        """One request; answers the body of the answer.

        Raises:
            AriGone: there is no connection, or no answer within `ANSWER_WITHIN`.
            AriRefused: Asterisk cannot.
        """
        if self._write is None:
            raise AriGone("Asterisk is not connected")
        if len(self._waiting) >= MOST_WAITING:
            raise AriGone("Asterisk does not keep up with requests")
        number = str(next(self._numbers))
        answer: asyncio.Future[AriMessage] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._write(request(number, method, at(*path), query, body))
                came = await answer
        except TimeoutError:
            raise AriGone(f"Asterisk did not answer within {ANSWER_WITHIN:g} s") from None
        except (ConnectionError, RuntimeError) as broken:
            raise AriGone(f"Asterisk's connection was lost: {type(broken).__name__}") from None
        finally:
            self._waiting.pop(number, None)
        if came.status_code >= 400:
            raise AriRefused(came.status_code, came.reason_phrase)
        return came.message_body

    # ── what is asked; each raises `AriGone` and `AriRefused` ──────────────────────────────────────────────────────

    async def delete(self, *path: str, **query: str) -> None:
        """Delete a channel, a bridge or a state of one; what is gone already is no fault."""
        try:
            await self.ask("DELETE", *path, **query)
        except AriRefused as why:
            if why.status != 404:
                raise

    async def set_variable(self, channel: str, name: str, value: str) -> None:
        """A variable or a function of a channel."""
        await self.ask("POST", "channels", channel, "variable", variable=name, value=value)

    async def variable(self, channel: str, name: str) -> str:
        """A variable or a function of a channel; empty where there is none."""
        try:
            told = await self.ask("GET", "channels", channel, "variable", variable=name)
            return str(msgspec.json.decode(told, type=dict[str, str]).get("value", ""))
        except AriRefused:
            return ""
        except msgspec.DecodeError:
            return ""

    async def has_extension(self, channel: str, context: str, extension: str) -> bool:
        """Whether the dialplan has it for this channel."""
        return await self.variable(channel, f"DIALPLAN_EXISTS({context},{extension},1)") == "1"

    async def new_bridge(self, bridge: str) -> None:
        """A mixing bridge of this id."""
        await self.ask("POST", "bridges", bridge, type="mixing", name=bridge)

    async def into_bridge(self, bridge: str, *channels: str) -> None:
        """Channels hear each other."""
        await self.ask("POST", "bridges", bridge, "addChannel", channel=",".join(channels))

    async def out_of_bridge(self, bridge: str, channel: str) -> None:
        """A channel hears nothing of a bridge any more; one that is gone, or not in it, is no fault."""
        try:
            await self.ask("POST", "bridges", bridge, "removeChannel", channel=channel)
        except AriRefused:
            return

    async def ids(self, what: str) -> tuple[str, ...]:
        """The ids of all "channels" or "bridges"."""
        return tuple(one.id for one in msgspec.json.decode(await self.ask("GET", what), type=list[_Named]))


class _Named(msgspec.Struct, frozen=True):
    id: str
