"""The AudioSocket port: a ticket opens it once; all else ends its own connection, and no slot stays taken."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from uuid import UUID

import pytest

from lineside.errors import CallRefused, TransportError
from lineside.gateway.audiosocket_line import STRANGERS, AudioSocketLine
from lineside.gateway.tickets import Ticket, TicketStore
from lineside.transports.audiosocket import FIRST_WITHIN, NO_SOUND, AudioSocket
from lineside.transports.audiosocket_frames import UUID_KIND, socket_frame
from lineside.transports.base import AudioMeter
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import OfferedCall
from tests.call.fixtures import settings
from tests.transports.conformance import Listening
from tests.transports.test_conformance import SocketPipe
from tests.virtual_time import run

SOUND = socket_frame(0x10, b"\x11\x22" * 160)


class Host:
    """The gateway: its slots, and how each call ended."""

    def __init__(self, room: int = 3) -> None:
        self.room, self.taken, self.ends = room, 0, list[str]()

    @contextmanager
    def slot(self) -> Iterator[None]:
        if self.taken == self.room:
            raise CallRefused("full")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, handle: None, offered: OfferedCall) -> None:
        leg = offered.connect(AudioMeter())
        try:
            self.ends.append(await leg.transport.run(Listening()))
        except TransportError as fault:
            self.ends.append(str(fault))
        await leg.control.hang_up("line_lost")


class Port:
    """The line with connections in the test's hands."""

    def __init__(self, line: AudioSocketLine, host: Host, tickets: TicketStore) -> None:
        self._line, self.host, self._tickets = line, host, tickets
        self.pipes: list[SocketPipe] = []

    def ticket(self, line: str = "audiosocket", age: float = 0.0) -> bytes:
        """The first frame of a call that was announced."""
        issued = self._tickets.issue(Ticket(CallFacts(line=line)), time.monotonic() - age)
        return socket_frame(UUID_KIND, UUID(issued).bytes)

    def connect(self) -> AudioSocket:
        """Somebody opens a connection."""
        pipe, connection = SocketPipe(), self._line._accept()
        pipe.protocol = connection
        connection.connection_made(pipe)
        self.pipes.append(pipe)
        return connection


def on_port(story: Callable[[Port], Awaitable[None]], room: int = 3) -> Host:
    """Run a story against the port; afterwards every connection is closed and every slot free."""

    async def main() -> Host:
        host, tickets = Host(room), TicketStore()
        stands_for: Any = host
        line = AudioSocketLine(settings(), stands_for, tickets)
        port = Port(line, host, tickets)
        async with asyncio.timeout(120), asyncio.TaskGroup() as line._tasks:
            await story(port)
            assert all(pipe.closed for pipe in port.pipes)
            assert host.taken == 0
        return host

    return run(main())


def test_a_ticket_opens_one_connection_of_its_line_within_a_minute() -> None:
    """Unknown, used, too old, another line's: closed before a sound is read, and no slot is taken."""

    async def story(port: Port) -> None:
        good = port.ticket()
        held = port.connect()
        held.data_received(good + SOUND)
        await asyncio.sleep(0.1)
        assert port.host.taken == 1
        for bad in (good, port.ticket(age=61.0), port.ticket("asterisk"), socket_frame(UUID_KIND, bytes(16))):
            port.connect().data_received(bad + SOUND)
            await asyncio.sleep(0.1)
            assert port.pipes[-1].closed
        assert port.host.taken == 1
        held.connection_lost(None)
        port.pipes[0].closed = True
        await asyncio.sleep(1)

    assert on_port(story).ends == ["caller_hung_up"]


@pytest.mark.parametrize(
    ("sends", "after"),
    [
        (lambda port: b"", FIRST_WITHIN),
        (lambda port: port.ticket()[:10], FIRST_WITHIN),
        (lambda port: port.ticket(), FIRST_WITHIN),
        (lambda port: SOUND + port.ticket(), 0.0),
        (lambda port: socket_frame(UUID_KIND, b"short"), 0.0),
        (lambda port: b"GET / HTTP/1.1\r\n\r\n", FIRST_WITHIN),
        (lambda port: bytes(1_000_000), 0.0),
        (lambda port: port.ticket() + socket_frame(0x18, bytes(7680)), 0.0),
    ],
    ids=["nothing", "half a UUID", "no sound", "sound first", "a short UUID", "HTTP", "a megabyte", "192 kHz"],
)
def test_a_connection_that_does_not_begin_is_closed_in_time(sends: Callable[[Port], bytes], after: float) -> None:
    """And holds nobody else up."""

    async def story(port: Port) -> None:
        port.connect().data_received(sends(port))
        await asyncio.sleep(after + 0.2)
        assert port.pipes[0].closed

    assert on_port(story).ends == []


@pytest.mark.parametrize(
    ("then", "ends"),
    [
        (lambda port: port.ticket(), "audiosocket: a second start; one connection is one call"),
        (lambda port: socket_frame(0x12, bytes(640)), "audiosocket: the sample rate changed within the call"),
        (lambda port: socket_frame(0xFF, b"\1"), "line_lost"),
        (lambda port: SOUND * 20_000, "line_lost"),
        (lambda port: b"", "no_audio"),
    ],
    ids=["a second start", "another rate", "an error", "a flood", "silence of the network"],
)
def test_what_comes_within_a_call_ends_it_with_its_reason(then: Callable[[Port], bytes], ends: str) -> None:
    """Where nothing comes at all, after fifteen seconds."""

    async def story(port: Port) -> None:
        connection = port.connect()
        connection.data_received(port.ticket() + SOUND)
        await asyncio.sleep(0.1)
        connection.data_received(then(port))
        await asyncio.sleep(NO_SOUND + 2 if ends == "no_audio" else 3)

    assert on_port(story).ends == [ends]


def test_garbage_at_every_byte_ends_its_own_connection_only() -> None:
    """A good opening with each of its bytes changed; a call beside it goes on."""

    async def story(port: Port) -> None:
        beside = port.connect()
        beside.data_received(port.ticket() + SOUND)
        random = Random(5)  # noqa: S311 - the same again
        for at in (*range(25), *range(25, len(port.ticket() + SOUND), 40)):  # of the sound some
            garbled = bytearray(port.ticket() + SOUND)
            garbled[at] ^= random.randrange(1, 256)
            connection = port.connect()
            connection.data_received(bytes(garbled))
            await asyncio.sleep(0.02)
            beside.data_received(SOUND)
            connection.connection_lost(None)
            port.pipes[-1].closed = True
            await asyncio.sleep(0.02)
        assert port.host.taken == 1
        beside.connection_lost(None)
        port.pipes[0].closed = True
        await asyncio.sleep(1)

    assert set(on_port(story).ends) == {"caller_hung_up"}


def test_few_may_wait_without_a_ticket_and_a_full_gateway_takes_nobody() -> None:
    """The sixty-fifth stranger is closed at once; strangers take no slot, and a ticket none where there is none."""

    async def story(port: Port) -> None:
        for _ in range(STRANGERS + 1):
            port.connect()
        await asyncio.sleep(0.2)
        assert [pipe.closed for pipe in port.pipes].count(True) == 1
        assert port.host.taken == 0
        await asyncio.sleep(FIRST_WITHIN)
        port.connect().data_received(port.ticket() + SOUND)
        await asyncio.sleep(0.2)

    assert on_port(story, room=0).ends == []
