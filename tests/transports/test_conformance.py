"""Every line does what a line must do: see `conformance`."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from lineside.protocol import EndReason, FirstMessage
from lineside.transports.audiosocket import AudioSocket, AudioSocketTransport
from lineside.transports.audiosocket_frames import DIGIT, HANG_UP, KINDS, UUID_KIND, AudioSocketReader, socket_frame
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.browser import BrowserTransport
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.line_control import CallLeg, OnlyHangsUp
from lineside.transports.scripted import ScriptedTransport
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, CLOSE, TEXT
from tests.gateway.ari_rig import ari
from tests.transports.carriers import Asterisk, Carrier, Exotel, Plivo, SignalWire, StreamRig, Telnyx, Twilio, Vonage
from tests.transports.conformance import CHECKS, LineRig, Rig
from tests.transports.contact_centres import FreeSwitch, Genesys, Jambonz
from tests.transports.sip_rig import sip
from tests.transports.test_websocket import Wire
from tests.transports.test_websocket_frames import sent
from tests.transports.wires import server_frames
from tests.virtual_time import run


class BrowserRig:
    """A page at the other end of a WebSocket, which plays what it gets, one after the other."""

    has_keys, can_vanish, is_telephone = True, True, False

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

    has_keys, can_vanish, is_telephone = False, False, False

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


def carrier(new: Callable[[], Carrier], *, warm: bool = False) -> Rig:
    """A line over this carrier's media stream; `warm`: whose calls can be handed on warm."""

    @asynccontextmanager
    async def rig() -> AsyncGenerator[LineRig, None]:
        it = StreamRig(new(), warm=warm)
        await it.open()
        watching = asyncio.create_task(it.watch())
        try:
            yield it
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            it.wire.abort()
            await asyncio.sleep(0)

    return rig


class AsteriskRig:
    """Asterisk at the other end of an AudioSocket: what comes is heard as it comes."""

    has_keys, can_vanish, is_telephone = True, True, True

    def __init__(self, rate: int) -> None:
        self._rate, self._kind = rate, KINDS[rate]
        self._socket, self._pipe = AudioSocket(), SocketPipe()
        self._pipe.protocol = self._socket
        self._socket.connection_made(self._pipe)
        self.leg: CallLeg

    async def open(self) -> None:
        whole = socket_frame(UUID_KIND, bytes(range(16))) + socket_frame(self._kind, bytes(self._rate // 50 * 2))
        for at in range(len(whole)):  # split at every byte
            self._socket.data_received(whole[at : at + 1])
        assert await self._socket.named == "00010203-0405-0607-0809-0a0b0c0d0e0f"
        line = AudioSocketTransport(self._socket, await self._socket.rated, AudioMeter())
        self.leg = CallLeg(line, line)

    async def say(self, payload: bytes) -> None:
        self._socket.data_received(socket_frame(self._kind, payload))

    def heard(self) -> bytes:
        frames = AudioSocketReader().feed(self._pipe.written)
        assert {len(frame.payload) for frame in frames if frame.kind == self._kind} <= {self._rate // 50 * 2}
        return b"".join(frame.payload for frame in frames if frame.kind == self._kind)

    async def press(self, key: str) -> None:
        self._socket.data_received(socket_frame(DIGIT, key.encode()))

    async def leave(self) -> None:
        self._pipe.abort()

    async def vanish(self) -> None:
        """Nothing comes any more, and no end either."""

    @property
    def ended(self) -> bool:
        frames = AudioSocketReader().feed(self._pipe.written)
        return any(frame.kind == HANG_UP for frame in frames) and self._pipe.closed


class SocketPipe(asyncio.Transport):
    """Stands for the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = b"", False
        self.protocol: AudioSocket

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            # a real one is closing for a while before it says so: frames are due in between
            asyncio.get_running_loop().call_later(0.05, self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


def audiosocket(rate: int) -> Rig:
    """A line over AudioSocket."""

    @asynccontextmanager
    async def rig() -> AsyncGenerator[LineRig, None]:
        it = AsteriskRig(rate)
        await it.open()
        yield it
        it._pipe.abort()
        await asyncio.sleep(0.1)

    return rig


RIGS: dict[str, Rig] = {
    "browser": browser,
    "scripted": scripted,
    "sip": sip,
    "twilio": carrier(Twilio),
    "twilio warm": carrier(Twilio, warm=True),
    "signalwire": carrier(SignalWire),
    "telnyx": carrier(Telnyx),
    "plivo": carrier(Plivo),
    "plivo linear": carrier(lambda: Plivo("audio/x-l16", 16_000)),
    "exotel": carrier(Exotel),
    "vonage": carrier(Vonage),
    "genesys": carrier(Genesys),
    "jambonz": carrier(Jambonz),
    "freeswitch": carrier(FreeSwitch),
    "asterisk": carrier(Asterisk),
    "asterisk plain": carrier(lambda: Asterisk(json=False, slin=False)),
    "asterisk over ARI": ari,
    "audiosocket": audiosocket(8000),
    "audiosocket wide": audiosocket(16_000),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
def test_a_line_does_what_a_line_must_do(rig: Rig, check: Callable[[Rig], Awaitable[None]]) -> None:
    """Each check over each line."""

    async def story() -> None:
        await check(rig)

    run(story())
