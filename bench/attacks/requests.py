"""Hostile clients of HTTP, who have no key and need none."""

import asyncio
import os
import socket
import struct
import time
from contextlib import suppress

from bench.attacks.wire import again, asking, attack, held, read_slowly, request


@attack
async def chunks_with_endless_extensions(port: int, seconds: float) -> None:
    """A chunk of one byte whose line never ends, and many with lines that nearly do."""
    head = request(port, "POST /api/models/load HTTP/1.1", "Transfer-Encoding: chunked")
    await again(port, seconds / 2, head + b"1;" + b"a=b;" * 100_000)
    await again(port, seconds / 2, head + (b"1;" + b"x" * 4000 + b"\r\n{\r\n") * 500)


@attack
async def chunks_of_a_byte(port: int, seconds: float) -> None:
    """A body of a hundred thousand chunks."""
    head = request(port, "POST /api/models/load HTTP/1.1", "Transfer-Encoding: chunked")
    await again(port, seconds, head + b"1\r\n{\r\n" * 100_000, at_once=4)


@attack
async def lengths_that_contradict(port: int, seconds: float) -> None:
    """Two lengths, a length and chunks, negative, not a number, beyond any number."""
    for headers in (
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: -1"],
        ["Content-Length: 0x10"],
        ["Content-Length: " + "9" * 5000],
    ):
        body = b"GET /health HTTP/1.1\r\n\r\n"
        await again(port, seconds / 5, request(port, "POST /api/models/load HTTP/1.1", *headers, body=body))


@attack
async def old_and_new_versions(port: int, seconds: float) -> None:
    """HTTP/0.9, 1.0 kept alive, 2 without asking, 9.9, and TLS where none is spoken."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500)
    for raw in (
        b"GET /health\r\n\r\n",
        request(port, "GET /health HTTP/1.0", "Connection: keep-alive"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(2000),
        request(port, "GET /health HTTP/9.9"),
        hello,
    ):
        await again(port, seconds / 5, raw)


@attack
async def odd_methods_and_targets(port: int, seconds: float) -> None:
    """TRACE, CONNECT, a method of a thousand letters; other hosts, paths that climb, paths without end."""
    for line in (
        "TRACE / HTTP/1.1",
        "CONNECT example.org:443 HTTP/1.1",
        "A" * 1000 + " / HTTP/1.1",
        "GET http://example.org/ HTTP/1.1",
        "GET /web/" + "../" * 1000 + "etc/passwd HTTP/1.1",
        "GET /" + "a/" * 4000 + " HTTP/1.1",
        "GET /?" + "a=b&" * 1900 + " HTTP/1.1",
    ):
        await again(port, seconds / 7, request(port, line))


@attack
async def a_thousand_headers(port: int, seconds: float) -> None:
    """Short ones, the same one, folded ones."""
    for headers in ([f"X-{number}: a" for number in range(1000)], ["Cookie: a=b"] * 1000, ["X: a", " b"] * 500):
        await again(port, seconds / 3, request(port, "GET /health HTTP/1.1", *headers))


@attack
async def bodies_that_are_announced(port: int, seconds: float) -> None:
    """Five hundred who ask to go on, and do not."""
    head = request(port, "POST /api/models/load HTTP/1.1", "Content-Length: 1000", "Expect: 100-continue")
    await held(port, seconds, 500, head)


@attack
async def headers_byte_by_byte(port: int, seconds: float) -> None:
    """A hundred who are never quite done."""
    ends = time.monotonic() + seconds

    async def one() -> None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /health HTTP/1.1\r\n")
            while time.monotonic() < ends and not writer.is_closing():
                writer.write(b"X-A: b\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
            writer.close()

    await asyncio.gather(*(one() for _ in range(100)))


@attack
async def resets(port: int, seconds: float) -> None:
    """A connection is reset in the middle of its request, again and again."""
    ends = time.monotonic() + seconds
    head = request(port, "POST /api/models/load HTTP/1.1", "Content-Length: 100000", body=b"{" * 100)
    while time.monotonic() < ends:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            await writer.drain()
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()


@attack
async def tickets(port: int, seconds: float) -> None:
    """Short-lived tokens, as many as go, and forged ones."""
    await asking(port, seconds / 2, "POST", "/api/token", at_once=16)
    forged = "GET /ws/call?token=9999999999." + "A" * 4000 + " HTTP/1.1"
    await again(port, seconds / 2, request(port, forged))


@attack
async def bodies_of_a_megabyte(port: int, seconds: float) -> None:
    """As large as is read, and one byte more; nested, and of one long text."""
    for body in (
        b"x" * (1 << 20),
        b"x" * ((1 << 20) + 1),
        b'{"x":' + b"[" * 900_000,
        b'{"model":"' + b"\\u0041" * 170_000,
    ):
        await asking(port, seconds / 4, "POST", "/api/models/load", body, at_once=4)


@attack
async def the_page_read_slowly(port: int, seconds: float) -> None:
    """A hundred who load it a byte at a time."""
    await read_slowly(port, seconds, "/openapi.json", 50)
    await read_slowly(port, 0.5, "/", 50)


@attack
async def metrics_all_the_time(port: int, seconds: float) -> None:
    """Twenty who scrape as fast as they can."""
    await asking(port, seconds, "GET", "/metrics", at_once=20)
