"""The hostile peers of the first audit: floods, bombs, idle sockets, long agents."""

import asyncio
import json
import os
import socket
import time
import zlib
from contextlib import suppress

import aiohttp
from bench.attacks.wire import asked, attack, flood, frame, held, opened, text


@attack
async def nobody(port: int, seconds: float) -> None:
    """What the machine does to the caller by itself."""
    await asyncio.sleep(seconds)


@attack
async def pings(port: int, seconds: float) -> None:
    """Empty pings, read."""
    await flood(port, seconds, frame(9) * 10_000)


@attack
async def pings_unread(port: int, seconds: float) -> None:
    """Pings of 125 bytes by a peer that reads no answer."""
    await flood(port, seconds, frame(9, bytes(125)) * 1000, reads=False)


@attack
async def pings_before_the_first_message(port: int, seconds: float) -> None:
    """On a socket that is no call yet."""
    await flood(port, seconds, frame(9) * 10_000, first=False)


@attack
async def pongs(port: int, seconds: float) -> None:
    """Answers that nobody asked for."""
    await flood(port, seconds, frame(10) * 10_000)


@attack
async def pieces(port: int, seconds: float) -> None:
    """Messages of 990 empty pieces."""
    await flood(port, seconds, (frame(2, final=False) + frame(0, final=False) * 988 + frame(0)) * 20)


@attack
async def empty_messages(port: int, seconds: float) -> None:
    """Sound without samples."""
    await flood(port, seconds, frame(2) * 10_000)


@attack
async def large_messages(port: int, seconds: float) -> None:
    """A megabyte each."""
    await flood(port, seconds, frame(2, bytes(1 << 20)))


@attack
async def early_messages(port: int, seconds: float) -> None:
    """Twenty callers who send all they can before anybody listens."""
    await asyncio.gather(*(flood(port, seconds, frame(2, bytes(60_000)) * 70, first=False) for _ in range(20)))


@attack
async def bytes_one_by_one(port: int, seconds: float) -> None:
    """A large message that drips in."""
    ends = time.monotonic() + seconds
    _, writer = await opened(port, {"codec": "pcm"})
    writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        writer.write(frame(2, bytes(60_000))[:8])
        while time.monotonic() < ends and not writer.is_closing():
            writer.write(b"\0")
            await asyncio.sleep(0)
    writer.close()


@attack
async def texts(port: int, seconds: float) -> None:
    """Typed turns of 4,000 characters."""
    await flood(port, seconds, text({"type": "text", "text": "why " * 1000}) * 20)


@attack
async def keys(port: int, seconds: float) -> None:
    """Keys pressed, as many as go."""
    await flood(port, seconds, text({"type": "dtmf", "digits": "1"}) * 500)


@attack
async def nested_json(port: int, seconds: float) -> None:
    """A field that nobody knows, five thousand lists deep."""
    await flood(port, seconds, frame(1, b'{"type":"text","text":"a","x":' + b"[" * 5000 + b"]" * 5000 + b"}") * 10)


@attack
async def odd_sample_rates(port: int, seconds: float) -> None:
    """A call at another rate again and again."""
    ends, rate = time.monotonic() + seconds, 8000
    while time.monotonic() < ends:
        rate += 7
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, {"codec": "pcm", "sample_rate": rate})
            writer.write(frame(2, bytes(rate // 50 * 2)))
            await writer.drain()
            writer.close()


@attack
async def a_caller_who_never_reads(port: int, seconds: float) -> None:
    """Twenty of them, who ask and ask."""
    ask = text({"type": "text", "text": "tell me more"})
    await asyncio.gather(*(flood(port, seconds, ask, reads=False) for _ in range(20)))


@attack
async def compressed_bodies(port: int, seconds: float) -> None:
    """Fifty megabytes in fifty kilobytes, to a path that would read them."""
    await _bombs(port, seconds, "/api/models/load")


@attack
async def compressed_bodies_that_nobody_reads(port: int, seconds: float) -> None:
    """The same to paths that have no such method, or are not there."""
    await asyncio.gather(_bombs(port, seconds, "/"), _bombs(port, seconds, "/nowhere"))


async def _bombs(port: int, seconds: float, path: str) -> None:
    bomb, ends = zlib.compress(bytes(400_000_000)), time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < ends:
            status = await asked(port, "POST", path, {"Content-Encoding": "deflate"}, bomb)
            await asyncio.sleep(0.05 if status else 0.2)

    await asyncio.gather(*(one() for _ in range(4)))


@attack
async def idle_connections(port: int, seconds: float) -> None:
    """1,060 that say nothing."""
    await held(port, seconds, 1060, b"")


@attack
async def half_headers(port: int, seconds: float) -> None:
    """Five hundred that never end their header."""
    await held(port, seconds, 500, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ")


@attack
async def half_bodies(port: int, seconds: float) -> None:
    """Five hundred that never end their body."""
    head = f"POST /api/models/load HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 1000\r\n\r\n{{"
    await held(port, seconds, 500, head.encode())


@attack
async def connections_that_come_and_go(port: int, seconds: float) -> None:
    """As many as go."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()


@attack
async def calls_that_come_and_go(port: int, seconds: float) -> None:
    """Opened, answered and dropped."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, {"codec": "pcm"})
            writer.transport.abort()


@attack
async def pipelined_requests(port: int, seconds: float) -> None:
    """Thousands of requests on one connection, whose answers are not read."""
    request, ends = f"GET /health HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode() * 500, time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError, TimeoutError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(1):
                while True:
                    writer.write(request)
                    await writer.drain()


@attack
async def garbage(port: int, seconds: float) -> None:
    """Random bytes in place of HTTP."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(os.urandom(4096))
            await writer.drain()
            writer.close()


@attack
async def large_headers(port: int, seconds: float) -> None:
    """A hundred headers of eight kilobytes."""
    head = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"a" * 8000) for number in range(100)
    )
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await held(port, 0.05, 5, head)


@attack
async def a_long_agent(port: int, seconds: float) -> None:
    """A name of 170,000 characters, then a greeting of three hundred sentences; neither is taken."""
    before = await _agent(port)
    agent = json.loads(before)
    for wrong in ({"name": "x" * 170_000}, {"greeting": "We are open from nine to five. " * 300}):
        await asked(port, "PUT", "/api/agent", {}, json.dumps(agent | wrong).encode())
    if await _agent(port) != before:
        raise SystemExit("the agent was changed")


async def _agent(port: int) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(f"http://localhost:{port}/api/agent") as answer:
        return await answer.read()


@attack
async def many_prompts(port: int, seconds: float) -> None:
    """Calls with long prompts of their own."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, {"codec": "pcm", "system_prompt": "x" * 19_000})
            writer.write(text({"type": "text", "text": "hello"}))
            await asyncio.sleep(0.05)
            writer.close()
