"""The front of every server: what is refused before it costs anything, and which connections are closed when."""

import asyncio
import resource
import socket
import zlib
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
import uvloop
from aiohttp import web

from lineside.http_connections import LOOK_EVERY, FrontLimits, HttpConnections
from lineside.http_front import http_server, raise_file_limit
from lineside.processes.ports import listening_socket

LARGE = 20_000_000
QUICK = FrontLimits(headers=0.2, idle=0.4, body=0.2, waiting=6, waiting_from_one=4)


def served(story: Callable[[str, int, HttpConnections], Awaitable[None]], limits: FrontLimits = QUICK) -> None:
    """A server with the front, and a story of its clients."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def refuse(request: web.Request) -> web.Response:
        raise web.HTTPUnauthorized

    async def broken(request: web.Request) -> web.Response:
        raise ValueError("words of a caller")

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"piece")
        return response

    async def large(request: web.Request) -> web.Response:
        return web.Response(body=bytes(LARGE))

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/echo", echo)
        routes = {"refuse": refuse, "broken": broken, "stream": stream, "large": large}
        for name, handler in routes.items():
            app.router.add_route("*", f"/{name}", handler)
        with listening_socket("127.0.0.1", 0, host_name="", port_name="", advice="") as listener:
            port = listener.getsockname()[1]
            async with http_server(app, listener, grace=1.0, limits=limits) as front:
                await story(f"http://127.0.0.1:{port}", port, front)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as every server of ours
        runner.run(main())


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What the server says until it closes."""
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionError:
        return b""


def test_a_compressed_body_is_refused_and_never_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 415, on every route, whatever the encoding; also where nobody would have read it."""
    inflated = list[object]()
    monkeypatch.setattr("aiohttp.http_parser.DeflateBuffer", lambda *given, **more: inflated.append(given))
    bomb = zlib.compress(bytes(10_000_000))

    async def story(url: str, port: int, front: HttpConnections) -> None:
        async with aiohttp.ClientSession() as http:
            for path in ("/echo", "/refuse", "/nowhere"):
                for encoding in ("deflate", "gzip", "br", "zstd"):
                    given: dict[str, Any] = {"data": bomb, "headers": {"Content-Encoding": encoding}}
                    async with http.post(url + path, **given) as answer:
                        assert (answer.status, answer.headers["Connection"]) == (415, "close")

    served(story)
    assert inflated == []


def test_the_body_of_a_refused_request_is_not_read() -> None:
    """The answer comes at once and the connection is closed; nothing lingers."""

    async def story(url: str, port: int, front: HttpConnections) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc")
        async with asyncio.timeout(60):
            answer = await ended(reader)
        assert answer.startswith(b"HTTP/1.1 401")
        writer.close()

    served(story, FrontLimits())


def test_connections_that_send_nothing_or_too_slowly_are_closed() -> None:
    """Half a header, no header, half a body; and one that is kept open after its request, a little later."""

    async def story(url: str, port: int, front: HttpConnections) -> None:
        for sent in (b"", b"POST /echo HT", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            assert b"200" not in await ended(reader)
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        assert b"abc" in await ended(reader)
        writer.close()
        await asyncio.sleep(0)
        front.sweep(asyncio.get_running_loop().time())
        assert len(front) == 0

    served(story)


def test_idle_connections_push_out_the_oldest_and_nobody_who_is_served() -> None:
    """Two hundred that say nothing: a request that is under way stays, and a new client is answered."""

    async def story(url: str, port: int, front: HttpConnections) -> None:
        busy_reader, busy = await asyncio.open_connection("127.0.0.1", port)
        busy.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        await asyncio.sleep(0.05)
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        assert len(front) <= 1 + QUICK.waiting_from_one
        async with aiohttp.ClientSession() as http, http.post(url + "/echo", data=b"hello") as answer:
            assert await answer.read() == b"hello"
        busy.write(b"def")
        assert b"abcdef" in await ended(busy_reader)
        for _, writer in [*idle, (None, busy)]:
            writer.close()

    served(story, FrontLimits(headers=60, idle=0.4, body=60, waiting=6, waiting_from_one=4))


class Wire(asyncio.Transport):
    """A connection from an address."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1)})
        self.closed = False
        self.waiting = 0  # bytes of an answer that the peer has not taken
        self.protocol: asyncio.BaseProtocol | None = None

    def abort(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast("asyncio.BaseProtocol", self.protocol)


class Handler:
    """Stands for aiohttp's side of a connection."""

    def __init__(self, wire: Wire) -> None:
        self.transport: Wire | None = wire
        wire.protocol = cast("asyncio.BaseProtocol", self)


class Asked:
    """A request, of which `whole` says whether its body has come, and `written` how much of the answer was."""

    def __init__(self, handler: Handler, *, whole: bool, written: int = 0) -> None:
        self.protocol = handler
        self.content = SimpleNamespace(is_eof=lambda: whole)
        self._payload_writer = SimpleNamespace(output_size=written)


def test_idle_half_open_and_slow_connections_of_a_day_leave_nothing() -> None:
    """A day of clients who never speak again, send half a body, or take a byte of their answer now and then."""
    now = 0.0
    front = HttpConnections(FrontLimits(), lambda: now, most=100)
    wires, slow = list[Wire](), list[Wire]()
    while now < 86_400:
        now += 7.0
        wire = Wire(f"10.0.0.{len(wires) % 250}")
        wires.append(wire)
        handler = Handler(wire)
        assert front.came(cast("web.RequestHandler", handler), wire)
        match len(wires) % 4:
            case 0:  # half a header, however it drips, is no request
                pass
            case 1:
                front.begins(cast("web.Request", Asked(handler, whole=False)))
            case 2:  # one answer, and the connection is kept
                asked = cast("web.Request", Asked(handler, whole=True))
                front.begins(asked)
                front.ended(asked)
            case _:
                wire.waiting = 100_000
                front.begins(cast("web.Request", Asked(handler, whole=True, written=100_000)))
                slow.append(wire)
        for one in slow[-5:]:
            one.waiting -= 7  # a byte a second
        front.sweep(now)
        assert len(front) <= 6
    now += 60
    front.sweep(now)
    assert len(front) == 0
    assert all(wire.closed for wire in wires)


def test_a_call_and_an_answer_that_is_read_are_left_alone() -> None:
    """A socket that is HTTP no longer has limits of its own; a download over a bad line goes on for an hour."""
    now = 0.0
    front = HttpConnections(FrontLimits(), lambda: now)
    call, download = Wire("10.0.0.1"), Wire("10.0.0.2")
    for wire in (call, download):
        handler = Handler(wire)
        front.came(cast("web.RequestHandler", handler), wire)
        front.begins(cast("web.Request", Asked(handler, whole=True, written=10_000_000)))
        wire.waiting = 5_000_000
    call.protocol = asyncio.Protocol()
    for _ in range(3600):
        now += 1.0
        download.waiting -= 1000
        front.sweep(now)
    assert not call.closed
    assert not download.closed


def test_an_address_has_so_many_requests_under_way_and_calls_do_not_count() -> None:
    """One more is refused; another address is not."""
    front = HttpConnections(FrontLimits(answering_one=3, waiting_from_one=99), lambda: 0.0)

    def begins(address: str, *, call: bool = False) -> bool:
        handler = Handler(wire := Wire(address))
        front.came(cast("web.RequestHandler", handler), wire)
        has_room = front.begins(cast("web.Request", Asked(handler, whole=True)))
        if call:
            wire.protocol = asyncio.Protocol()
        return has_room

    assert all(begins("10.0.0.1", call=True) for _ in range(20))
    assert [begins("10.0.0.1") for _ in range(4)] == [True, True, True, False]
    assert begins("10.0.0.2")


def test_whoever_does_not_take_an_answer_is_let_go() -> None:
    """Megabytes are asked for and not read: closed. Who reads them gets them all, however long that takes."""
    limits = FrontLimits(headers=0.5, idle=0.5, answer=0.3, least=1000)

    async def story(url: str, port: int, front: HttpConnections) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        async with aiohttp.ClientSession() as http, http.get(url + "/large") as answer:
            came = 0
            while piece := await answer.content.read(1_000_000):
                came += len(piece)
                await asyncio.sleep(0.01 * LOOK_EVERY)
            assert came == LARGE
        await asyncio.sleep(limits.answer + 2 * LOOK_EVERY)
        assert len(front) == 0
        assert len(await ended(reader)) < LARGE
        writer.close()

    served(story, limits)


def test_there_are_no_more_connections_than_descriptors_allow() -> None:
    """One more is closed at once; those that are gone make room."""
    front = HttpConnections(FrontLimits(waiting=50, waiting_from_one=50), lambda: 0.0, most=20)
    handlers = [Handler(Wire("10.0.0.1")) for _ in range(25)]
    took = [front.came(cast("web.RequestHandler", one), cast("Wire", one.transport)) for one in handlers]
    assert took == [True] * 20 + [False] * 5
    handlers[0].transport = None
    another = Wire("10.0.0.2")
    assert front.came(cast("web.RequestHandler", Handler(another)), another)


def test_every_answer_has_the_headers_that_browsers_heed_and_says_no_version() -> None:
    """Answers, refusals, unknown paths, faults of ours, streams, and what is no HTTP at all."""

    async def story(url: str, port: int, front: HttpConnections) -> None:
        async with aiohttp.ClientSession() as http:
            for path in ("/echo", "/refuse", "/broken", "/stream", "/nowhere"):
                async with http.get(url + path) as answer:
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"
                    assert answer.headers["Referrer-Policy"] == "no-referrer"
                    assert answer.headers["Server"] == "lineside"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x00\xff nonsense\r\n\r\n")
        answer_to_nonsense = await ended(reader)
        assert b"Server: lineside\r\n" in answer_to_nonsense
        writer.close()

    served(story)


def test_nothing_of_a_refused_request_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """Not its line with a token in it, no traceback; a fault of ours is one line without its words."""

    async def story(url: str, port: int, front: HttpConnections) -> None:
        for sent in (b"GET /ws/call?token=SECRET&\x01 HTTP/1.1\r\n\r\n", b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            await ended(reader)
            writer.close()

    served(story)
    out, err = capfd.readouterr()
    assert "SECRET" not in out + err
    assert "Traceback" not in out + err
    assert "words of a caller" not in out + err
    assert "ValueError" in out + err


def test_the_limit_of_open_files_is_raised() -> None:
    """To what the system allows; connections leave some to records."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
        assert HttpConnections(FrontLimits())._most == 1024 - 256
        raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, 65_536)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_socket_is_taken_over_whole() -> None:
    """A listening socket that another made is served and closed."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))

        async def main() -> None:
            async with http_server(web.Application(), listener, grace=1.0):
                pass
            assert listener.fileno() == -1

        asyncio.run(main())
