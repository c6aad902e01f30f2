"""Every line does what a line must do: see `conformance`."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from lineside.protocol import EndReason, FirstMessage
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.browser import BrowserTransport
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.line_control import CallLeg, OnlyHangsUp
from lineside.transports.scripted import ScriptedTransport
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, CLOSE, TEXT
from tests.transports.conformance import CHECKS, LineRig, Rig
from tests.transports.sip_rig import sip
from tests.transports.test_websocket import Wire
from tests.transports.test_websocket_frames import sent
from tests.virtual_time import run


class BrowserRig:
    """A page at the other end of a WebSocket, which plays what it gets, one after the other."""

    has_keys, can_vanish = True, True

    def __init__(self) -> None:
        self._wire = Wire()
        self._ws = WebSocket(1 << 17, 20.0, lambda gone: None)
        self._ws.take_over(self._wire, "x")
        self._wire.written = b""
        transport = BrowserTransport(self._ws, FirstMessage(codec="g711_ulaw"), AudioMeter())
        self.leg = CallLeg(FrameGrace(transport), transport)
        self._played, self._ends, self._read = bytearray(), 0.0, 0

    async def watch(self) -> None:
        """Play what comes, and forget at `clear`."""
        now = asyncio.get_running_loop().time
        while True:
            for kind, payload in server_frames(self._wire):
                if kind == BINARY:
                    self._ends = max(self._ends, now()) + len(payload) / 8000
                    self._played += payload
                elif kind == CLOSE:
                    self._ws.data_received(sent(CLOSE, payload))
            await asyncio.sleep(0.005)

    async def say(self, payload: bytes) -> None:
        self._ws.data_received(sent(BINARY, payload))

    def heard(self) -> bytes:
        unplayed = round(max(0.0, self._ends - asyncio.get_running_loop().time()) * 8000)
        return bytes(self._played[: len(self._played) - unplayed])

    def forget(self) -> None:
        """The event `clear` has come."""
        del self._played[len(self.heard()) :]
        self._ends = 0.0

    async def press(self, key: str) -> None:
        self._ws.data_received(sent(TEXT, f'{{"type":"dtmf","digits":"{key}"}}'.encode()))

    async def leave(self) -> None:
        self._ws.data_received(sent(CLOSE, b"\x03\xe8"))

    async def vanish(self) -> None:
        self._wire.abort()

    @property
    def ended(self) -> bool:
        return bool(self._wire.closed)


def server_frames(wire: Wire) -> list[tuple[int, bytes]]:
    """What a server has written since the last look; its frames are whole and not masked."""
    data, wire.written, found, at = wire.written, b"", [], 0
    while at < len(data):
        size, start = data[at + 1], at + 2
        if size > 125:
            wide = 2 if size == 126 else 8
            size, start = int.from_bytes(data[start : start + wide], "big"), start + wide
        found.append((data[at] & 15, data[start : start + size]))
        at = start + size
    return found


@asynccontextmanager
async def browser() -> AsyncGenerator[LineRig, None]:
    rig = BrowserRig()
    transport = rig.leg.transport
    clear = transport.clear

    def cleared() -> float | None:  # the page forgets at the event, which the call sends beside it
        rig.forget()
        return clear()

    transport.clear = cleared  # type: ignore[method-assign]
    watching = asyncio.create_task(rig.watch())
    try:
        yield rig
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        rig._wire.abort()
        await asyncio.sleep(0)


class _OpenEnded(ScriptedTransport, OnlyHangsUp):
    """A scripted line that stays up until somebody ends it."""

    def __init__(self) -> None:
        super().__init__((), codec="g711_ulaw", rate=8000)
        self.over: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
        self.listener: TransportListener | None = None

    async def run(self, listener: TransportListener) -> EndReason:
        self.listener = listener
        return await self.over

    async def hang_up(self, reason: EndReason) -> None:
        if not self.over.done():
            self.over.set_result(reason)


class ScriptedRig:
    """The line that tests of calls use."""

    has_keys, can_vanish = False, False

    def __init__(self) -> None:
        self._line = _OpenEnded()
        self.leg = CallLeg(self._line, self._line)

    async def say(self, payload: bytes) -> None:
        assert self._line.listener is not None
        self._line.listener.on_audio(payload)

    def heard(self) -> bytes:
        return bytes(self._line.played)

    async def press(self, key: str) -> None:
        raise NotImplementedError

    async def leave(self) -> None:
        await self._line.hang_up("caller_hung_up")

    async def vanish(self) -> None:
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        return self._line.over.done()


@asynccontextmanager
async def scripted() -> AsyncGenerator[LineRig, None]:
    yield ScriptedRig()


RIGS: dict[str, Rig] = {"browser": browser, "scripted": scripted, "sip": sip}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
def test_a_line_does_what_a_line_must_do(rig: Rig, check: Callable[[Rig], Awaitable[None]]) -> None:
    """Each check over each line."""

    async def story() -> None:
        await check(rig)

    run(story())
