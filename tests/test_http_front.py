"""The front of every server: what is refused before it costs anything, and which connections are closed when."""

import asyncio
import resource
import socket
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from lineside.http_front import FrontLimits, HttpFront, http_server, raise_file_limit
from lineside.processes.ports import listening_socket

QUICK = FrontLimits(headers=0.2, idle=0.4, body=0.2, waiting=6, waiting_from_one=4)


def served(story: Callable[[str, int, HttpFront], Awaitable[None]], limits: FrontLimits = QUICK) -> None:
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

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/echo", echo)
        for name, handler in {"refuse": refuse, "broken": broken, "stream": stream}.items():
            app.router.add_route("*", f"/{name}", handler)
        with listening_socket("127.0.0.1", 0, host_name="", port_name="", advice="") as listener:
            port = listener.getsockname()[1]
            async with http_server(app, listener, grace=1.0, limits=limits) as front:
                await story(f"http://127.0.0.1:{port}", port, front)

    asyncio.run(main())


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What the server says until it closes."""
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""


def test_a_compressed_body_is_refused_and_never_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 415, on every route, whatever the encoding; also where nobody would have read it."""
    inflated = list[object]()
    monkeypatch.setattr("aiohttp.http_parser.DeflateBuffer", lambda *given, **more: inflated.append(given))
    bomb = zlib.compress(bytes(10_000_000))

    async def story(url: str, port: int, front: HttpFront) -> None:
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

    async def story(url: str, port: int, front: HttpFront) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc")
        async with asyncio.timeout(2):
            answer = await ended(reader)
        assert answer.startswith(b"HTTP/1.1 401")
        writer.close()

    served(story, FrontLimits())


def test_connections_that_send_nothing_or_too_slowly_are_closed() -> None:
    """Half a header, no header, half a body; and one that is kept open after its request, a little later."""

    async def story(url: str, port: int, front: HttpFront) -> None:
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

    async def story(url: str, port: int, front: HttpFront) -> None:
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

    served(story, FrontLimits(headers=5, idle=0.4, body=5, waiting=6, waiting_from_one=4))


class Wire(asyncio.Transport):
    """A connection from an address."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1)})
        self.closed = False

    def abort(self) -> None:
        self.closed = True


class Handler:
    """Stands for aiohttp's side of a connection."""

    def __init__(self, wire: Wire) -> None:
        self.transport: Wire | None = wire


def test_half_open_connections_of_a_day_leave_nothing() -> None:
    """A day of clients that connect and are never heard of again, on a clock of its own: none is left."""
    now = 0.0
    front, wires = HttpFront(FrontLimits(), lambda: now, most=100), list[Wire]()
    while now < 86_400:
        now += 7.0
        wire = Wire(f"10.0.0.{len(wires) % 250}")
        wires.append(wire)
        assert front.came(cast("web.RequestHandler", Handler(wire)), wire)
        front.sweep(now)
        assert len(front) <= 2
    front.sweep(now + 60)
    assert len(front) == 0
    assert all(wire.closed for wire in wires)


def test_there_are_no_more_connections_than_descriptors_allow() -> None:
    """One more is closed at once; those that are gone make room."""
    front = HttpFront(FrontLimits(waiting=50, waiting_from_one=50), lambda: 0.0, most=20)
    handlers = [Handler(Wire("10.0.0.1")) for _ in range(25)]
    took = [front.came(cast("web.RequestHandler", one), cast("Wire", one.transport)) for one in handlers]
    assert took == [True] * 20 + [False] * 5
    handlers[0].transport = None
    another = Wire("10.0.0.2")
    assert front.came(cast("web.RequestHandler", Handler(another)), another)


def test_every_answer_has_the_headers_that_browsers_heed_and_says_no_version() -> None:
    """Answers, refusals, unknown paths, faults of ours, streams, and what is no HTTP at all."""

    async def story(url: str, port: int, front: HttpFront) -> None:
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

    async def story(url: str, port: int, front: HttpFront) -> None:
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
        assert HttpFront(FrontLimits())._most == 1024 - 256
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
