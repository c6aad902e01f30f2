"""How hostile peers speak: raw frames, raw requests, and the list of all attacks."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import aiohttp

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\0\0\0\0"  # a mask that changes nothing

Attack = Callable[[int, float], Coroutine[Any, Any, None]]
ATTACKS: dict[str, Attack] = {}  # by name, in the order in which they are played


def attack(fn: Attack) -> Attack:
    """Its name is the function's. It gets the port, and the seconds that it is to last."""
    ATTACKS[fn.__name__.replace("_", " ")] = fn
    return fn


def frame(kind: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """A frame of a client."""
    size, head = len(payload), bytes([(128 if final else 0) | kind])
    if size <= 125:
        return head + bytes([128 | size]) + MASK + payload
    if size < 1 << 16:
        return head + bytes([128 | 126]) + size.to_bytes(2, "big") + MASK + payload
    return head + bytes([128 | 127]) + size.to_bytes(8, "big") + MASK + payload


def text(arguments: object) -> bytes:
    """A JSON message."""
    return frame(1, json.dumps(arguments).encode())


async def opened(port: int, first: object = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A call, with its first message where there is one. Raises `ConnectionRefusedError` where it is not taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /ws/call HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        writer.close()
        raise ConnectionRefusedError(head.split(b"\r\n")[0].decode(errors="replace"))
    if first is not None:
        writer.write(text(first))
    return reader, writer


async def flood(port: int, seconds: float, piece: bytes, *, first: bool = True, reads: bool = True) -> None:
    """The same bytes again and again, on a new call whenever the last was ended."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(seconds):
                reader, writer = await opened(port, {"codec": "pcm", "greeting": ""} if first else None)
                reading = asyncio.create_task(_read(reader)) if reads else None
                try:
                    while time.monotonic() < ends and not writer.is_closing():
                        writer.write(piece)
                        await writer.drain()
                finally:
                    if reading is not None:
                        reading.cancel()
                    writer.close()
        await asyncio.sleep(0.05)


async def _read(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(65_536):
            pass


async def held(port: int, seconds: float, many: int, sent: bytes) -> None:
    """Connections that send this and then nothing."""
    writers = list[asyncio.StreamWriter]()
    for _ in range(many):
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            writers.append(writer)
    await asyncio.sleep(seconds)
    for writer in writers:
        writer.close()


async def asked(port: int, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
    """The status of one request; 0 where there is none."""
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
            url = f"http://localhost:{port}{path}"
            async with http.request(method, url, headers=headers, data=body) as answer:
                return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0


async def again(port: int, seconds: float, raw: bytes, *, at_once: int = 8, reads: bool = True) -> None:
    """These bytes on a new connection again and again, by some at once; each until it is answered or closed."""
    ends = time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < ends:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(2):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    try:
                        writer.write(raw)
                        await writer.drain()
                        if reads:
                            await reader.read(4096)
                    finally:
                        writer.close()
            await asyncio.sleep(0)

    await asyncio.gather(*(one() for _ in range(at_once)))


def request(port: int, line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as bytes."""
    return "\r\n".join([line, f"Host: localhost:{port}", *headers, "", ""]).encode() + body


async def asking(port: int, seconds: float, method: str, path: str, body: bytes = b"", at_once: int = 8) -> None:
    """The same request by some at once, its answer read to the end."""
    ends = time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < ends:
            await asked(port, method, path, {}, body)

    await asyncio.gather(*(one() for _ in range(at_once)))


async def read_slowly(port: int, seconds: float, path: str, many: int) -> None:
    """Ask for something long, with the smallest buffer, and read a byte now and then."""

    async def one() -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.setblocking(False)
        ends = time.monotonic() + seconds
        with sock, suppress(OSError, TimeoutError):
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ("127.0.0.1", port))
            await loop.sock_sendall(sock, request(port, f"GET {path} HTTP/1.1"))
            while time.monotonic() < ends:
                async with asyncio.timeout(1):
                    if not await loop.sock_recv(sock, 1):
                        return
                await asyncio.sleep(0.5)

    await asyncio.gather(*(one() for _ in range(many)))


async def answer_of(port: int, path: str) -> bytes:
    """The body of a GET."""
    async with aiohttp.ClientSession() as http, http.get(f"http://localhost:{port}{path}") as answer:
        return await answer.read()
