"""What a message costs the server: aiohttp, picows, and lineside's own end of a WebSocket.

    .venv/bin/python -m pip install picows      (not a dependency; it is left out where it is missing)
    .venv/bin/python bench/websockets.py

A hundred callers send 640 bytes every 20 ms, as lineside's do; the server only receives, or sends every message back.
Processor time of the server's process, user and system, per message.
"""

import asyncio
import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from aiohttp import WSMsgType, web

from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, framed

CALLERS, SECONDS, EVERY, SIZE = 100, 8, 0.02, 640
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


async def by_aiohttp(listener: socket.socket, echo: bool) -> None:
    """As its documentation shows it."""

    async def call(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(heartbeat=20.0, compress=False)
        await ws.prepare(request)
        async for message in ws:
            if message.type is WSMsgType.BINARY and echo:
                await ws.send_bytes(message.data)
        return ws

    await _serve(listener, call)


async def by_lineside(listener: socket.socket, echo: bool) -> None:
    """aiohttp shakes hands, frames are read straight."""

    async def call(request: web.Request) -> web.Response:
        ws = WebSocket(1 << 20, 20.0, request.protocol.connection_lost)
        assert request.transport is not None
        ws.take_over(request.transport, request.headers["Sec-WebSocket-Key"])
        ws.listen(
            lambda message: ws.write(framed(BINARY, message)) if echo and isinstance(message, bytes) else None,
            lambda why: ws.abort(),
        )
        await ws.over
        return web.Response()

    await _serve(listener, call)


async def by_picows(listener: socket.socket, echo: bool) -> None:
    """As its documentation shows it."""
    import picows

    class Listener(picows.WSListener):  # type: ignore[misc]
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if frame.msg_type == picows.WSMsgType.BINARY:
                heard = frame.get_payload_as_bytes()
                if echo:
                    transport.send(picows.WSMsgType.BINARY, heard)

    server = await picows.ws_create_server(lambda request: Listener(), sock=listener)
    await server.serve_forever()


async def _serve(listener: socket.socket, call: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
    app = web.Application()
    app.router.add_get("/", call)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await asyncio.Event().wait()


SERVERS: dict[str, Callable[[socket.socket, bool], Awaitable[None]]] = {
    "aiohttp": by_aiohttp,
    "picows": by_picows,
    "lineside": by_lineside,
}


def serve(kind: str, listener: socket.socket, echo: bool, spent: Any) -> None:
    """A process of its own; says on a second line of the pipe what it has used, whenever it is asked."""

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def asked() -> None:
            spent.recv()
            spent.send(time.process_time())

        loop.add_reader(spent.fileno(), asked)
        await SERVERS[kind](listener, echo)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def callers(port: int, spent: Any) -> float:
    """Microseconds of the server for a message."""
    mask = os.urandom(4)
    sound = bytes(byte ^ mask[at % 4] for at, byte in enumerate(os.urandom(SIZE)))
    frame = b"\x82" + bytes([128 | 126]) + SIZE.to_bytes(2, "big") + mask + sound
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CALLERS)]
    for reader, writer in lines:
        writer.write(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY.encode() + b"\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
    drains = [asyncio.create_task(_drain(reader)) for reader, _ in lines]
    spent.send("now")
    before = spent.recv()
    began, clock = time.monotonic(), time.monotonic
    sent = 0
    while clock() - began < SECONDS:  # each caller at a time of its own within the 20 ms
        lines[sent % CALLERS][1].write(frame)
        sent += 1
        due = began + sent * EVERY / CALLERS
        if due > clock():
            await asyncio.sleep(due - clock())
    await asyncio.sleep(0.2)
    spent.send("now")
    used = spent.recv() - before
    for drain in drains:
        drain.cancel()
    return float(used) / sent * 1e6


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


def measure(kind: str, echo: bool) -> float:
    """One server, begun and ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=serve, args=(kind, listener, echo, there), daemon=True)
    process.start()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(callers(listener.getsockname()[1], here))
    finally:
        process.terminate()
        process.join()
        listener.close()


def main() -> None:
    """Measure all, twice, and print the lower figure: the machine is shared."""
    print("| server | received, µs | sent back too, µs |\n| --- | --- | --- |")
    for kind in SERVERS:
        try:
            cost = [min(measure(kind, echo) for _ in range(2)) for echo in (False, True)]
        except EOFError:
            print(f"{kind} is not installed", file=sys.stderr)
            continue
        print(f"| {kind} | {cost[0]:.0f} | {cost[1]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
