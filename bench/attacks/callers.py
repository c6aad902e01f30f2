"""Hostile callers' programs, on the WebSocket."""

import asyncio
import json
import os
import socket
import struct
import time
from contextlib import suppress

from bench.attacks.wire import KEY, again, attack, flood, frame, opened, request, text

UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}")
RATE = 16_000


@attack
async def handshakes_with_ten_thousand_subprotocols(port: int, seconds: float) -> None:
    """In one header, and in many."""
    names = ",".join(f"p{number}" for number in range(1500))
    many = [f"Sec-WebSocket-Protocol: p{number}" for number in range(2000)]
    for offered in ([f"Sec-WebSocket-Protocol: {names}"], many):
        await again(port, seconds / 2, request(port, "GET /ws/call HTTP/1.1", *UPGRADE, *offered))


@attack
async def handshakes_with_extensions(port: int, seconds: float) -> None:
    """Compression is asked for in every way there is."""
    asked = "Sec-WebSocket-Extensions: " + ", ".join(["permessage-deflate; client_max_window_bits=15"] * 100)
    await again(port, seconds, request(port, "GET /ws/call HTTP/1.1", *UPGRADE, asked))


@attack
async def handshakes_that_are_wrong(port: int, seconds: float) -> None:
    """Of another version, without a key, by another method."""
    for line, headers in (
        ("GET /ws/call HTTP/1.1", ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8"]),
        ("POST /ws/call HTTP/1.1", list(UPGRADE)),
        ("GET /ws/call HTTP/1.0", list(UPGRADE)),
    ):
        await again(port, seconds / 3, request(port, line, *headers))


@attack
async def pipelined_handshakes(port: int, seconds: float) -> None:
    """Frames and further requests come right behind the handshake, before it is answered."""
    upgrade = request(port, "GET /ws/call HTTP/1.1", *UPGRADE)
    await again(port, seconds, upgrade + text({"codec": "pcm"}) + frame(2, bytes(640)) * 50 + upgrade * 50)


@attack
async def sockets_without_a_first_message(port: int, seconds: float) -> None:
    """A hundred and fifty: every slot there is, for as long as it is given."""
    ends = time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < ends:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(seconds + 1):
                    reader, writer = await opened(port)
                    await reader.read()
                    writer.close()
            await asyncio.sleep(0.1)

    await asyncio.gather(*(one() for _ in range(150)))


@attack
async def first_messages_byte_by_byte(port: int, seconds: float) -> None:
    """Fifty that take as long as they can."""
    ends = time.monotonic() + seconds

    async def one() -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port)
            for at in range(1000):
                writer.write(text({"codec": "pcm", "caller": "x" * 900})[at : at + 1])
                await writer.drain()
                await asyncio.sleep(0.02)
                if time.monotonic() > ends:
                    break
            writer.close()

    await asyncio.gather(*(one() for _ in range(50)))


@attack
async def first_messages_that_are_wrong(port: int, seconds: float) -> None:
    """Unknown engines, long prompts, wrong types, no JSON."""
    ends, number = time.monotonic() + seconds, 0
    wrong: tuple[object, ...] = (
        {"codec": "pcm", "stt_engine": "x" * 60_000},
        {"codec": 7},
        {"codec": "pcm", "sample_rate": 1},
        [[[]]] * 5000,
        "x",
    )
    while time.monotonic() < ends:
        number += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, wrong[number % len(wrong)])
            writer.close()


@attack
async def frames_against_the_rules(port: int, seconds: float) -> None:
    """Not masked, reserved bits and kinds, long control frames, text that is no UTF-8; a new call after each."""
    wrong = (b"\x82\x05hello", b"\xf2\x80\0\0\0\0", b"\x83\x80\0\0\0\0", frame(9, bytes(200)), frame(1, b"\xff\xfe"))
    ends, number = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        number += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await opened(port, {"codec": "pcm"})
            writer.write(wrong[number % len(wrong)])
            async with asyncio.timeout(1):
                await reader.read(200)
            writer.close()


@attack
async def closes_of_all_kinds(port: int, seconds: float) -> None:
    """Codes that may not be sent, half a code, a long reason, then silence; half-closed, reset."""
    kinds = (b"\x03", (1005).to_bytes(2, "big"), (999).to_bytes(2, "big"), (1000).to_bytes(2, "big") + b"x" * 123, b"")
    ends, number = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        number += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, {"codec": "pcm"})
            writer.write(frame(8, kinds[number % len(kinds)]))
            if number % 3 == 0:
                writer.write_eof()
            elif number % 3 == 1:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()


@attack
async def sound_faster_than_time(port: int, seconds: float) -> None:
    """Twenty times as fast as it can have been spoken."""
    ends, noise = time.monotonic() + seconds, os.urandom(640)
    while time.monotonic() < ends:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, {"codec": "pcm"})
            while time.monotonic() < ends and not writer.is_closing():
                writer.write(frame(2, noise) * 20)
                await writer.drain()
                await asyncio.sleep(0.02)
            writer.close()


@attack
async def twenty_callers_who_never_pause(port: int, seconds: float) -> None:
    """Noise in real time, at 48 kHz, in the smallest pieces that browsers send."""
    await _noise(port, seconds, 20, rate=48_000, samples=128)


@attack
async def tiny_pieces_of_sound(port: int, seconds: float) -> None:
    """One sample in each message, in real time as far as that is allowed."""
    await _noise(port, seconds, 5, rate=8000, samples=8)


async def _noise(port: int, seconds: float, callers: int, rate: int, samples: int) -> None:
    noise = frame(2, os.urandom(samples * 2))

    async def one() -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await opened(port, {"codec": "pcm", "sample_rate": rate})
            reading = asyncio.create_task(reader.read(-1))
            began = time.monotonic()
            sent = 0
            while (passed := time.monotonic() - began) < seconds and not writer.is_closing():
                due = int(passed * rate / samples) - sent
                writer.write(noise * due)
                sent += due
                await writer.drain()
                await asyncio.sleep(0.01)
            reading.cancel()
            writer.close()

    await asyncio.gather(*(one() for _ in range(callers)))


@attack
async def interruptions_without_end(port: int, seconds: float) -> None:
    """Ten callers who talk over every answer as soon as it begins."""
    loud = frame(2, struct.pack("<640h", *([12_000, -12_000] * 320)))

    async def one() -> None:
        ends = time.monotonic() + seconds
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await opened(port, {"codec": "pcm"})
            reading = asyncio.create_task(reader.read(-1))
            while time.monotonic() < ends and not writer.is_closing():
                writer.write(text({"type": "text", "text": "go on"}))
                for _ in range(12):
                    writer.write(loud)
                    await writer.drain()
                    await asyncio.sleep(0.04)
            reading.cancel()
            writer.close()

    await asyncio.gather(*(one() for _ in range(10)))


@attack
async def odd_letters(port: int, seconds: float) -> None:
    """Texts of what no voice can say: directions, nothing of any width, piles of accents, pictures, markup."""
    odd = "\u202e\u2066\u200b" * 300 + "e" + "\u0301" * 1000 + "\U0001f468\u200d" * 200 + "<[{(*_`" * 100
    await flood(port, seconds, text({"type": "text", "text": odd[:4000]}) * 5)


@attack
async def recorded_calls_that_come_and_go(port: int, seconds: float) -> None:
    """Each leaves a recording, as short as it can be."""
    ends = time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < ends:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await opened(port, {"codec": "pcm", "record": True, "caller": "x" * 50})
                writer.write(frame(2, os.urandom(3200)) + text({"type": "hangup"}))
                async with asyncio.timeout(1):
                    await reader.read(100)
                writer.close()

    await asyncio.gather(*(one() for _ in range(4)))


@attack
async def calls_that_hold_every_slot(port: int, seconds: float) -> None:
    """A hundred and twenty that say nothing and stay."""
    writers: list[asyncio.StreamWriter] = []
    for _ in range(120):
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, json.loads('{"codec":"pcm"}'))
            writers.append(writer)
    await asyncio.sleep(seconds)
    for writer in writers:
        writer.close()
