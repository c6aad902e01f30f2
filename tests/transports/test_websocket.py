"""The server's end of a WebSocket: what is read, what is refused, who is gone. RFC 6455."""

import asyncio
import os
from itertools import pairwise
from typing import cast

import pytest
from aiohttp._websocket.helpers import websocket_mask
from hypothesis import given
from hypothesis import strategies as st

from lineside.transports.websocket import (
    BINARY,
    CLOSE,
    CONTINUED,
    LOST,
    NO_CODE,
    PARTS,
    PING,
    PONG,
    TEXT,
    Frame,
    FrameReader,
    Message,
    ProtocolViolation,
    WebSocket,
    framed,
    refusal,
    welcome,
)
from tests.virtual_time import run

LARGEST = 70_000


def sent(kind: int, payload: bytes, *, final: bool = True, mask: bytes | None = None, flags: int = 0) -> bytes:
    """A frame as a client sends it."""
    mask = os.urandom(4) if mask is None else mask
    size = len(payload)
    if size <= 125:
        length = bytes([128 | size])
    elif size < 1 << 16:
        length = bytes([128 | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([128 | 127]) + size.to_bytes(8, "big")
    head = bytes([(128 if final else 0) | flags | kind])
    return head + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


sizes = st.one_of(st.integers(0, 200), st.sampled_from([125, 126, 127, 640, 65_535, 65_536]))
messages = st.tuples(st.sampled_from([TEXT, BINARY, PING]), sizes, st.integers(1, 3))


@given(st.lists(messages, max_size=6), st.lists(st.integers(0, 2000), max_size=20))
def test_messages_are_the_same_however_the_bytes_are_cut(
    sent_ones: list[tuple[int, int, int]], cuts: list[int]
) -> None:
    """Short, long and very long ones, in pieces with a ping between them, cut anywhere."""
    stream, expected = b"", []
    for kind, size, pieces in sent_ones:
        payload = bytes(n % 251 for n in range(min(size, 125) if kind == PING else size))
        expected.append(Frame(kind, payload))
        if kind == PING or pieces == 1:
            stream += sent(kind, payload)
            continue
        step = len(payload) // pieces
        for piece in range(pieces):
            last = piece == pieces - 1
            part = payload[piece * step :] if last else payload[piece * step : (piece + 1) * step]
            stream += sent(CONTINUED if piece else kind, part, final=last)
            if not last:
                stream += sent(PONG, b"between")
                expected.insert(-1, Frame(PONG, b"between"))
    reader, found = FrameReader(LARGEST), list[Frame]()
    for begin, end in pairwise(sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})):
        found += reader.feed(stream[begin:end])
    assert found == expected


@given(st.integers(0, 700), st.binary(min_size=4, max_size=4))
def test_the_short_way_and_the_long_way_read_the_same(size: int, mask: bytes) -> None:
    """Where nothing but ordinary sound comes it is read in one step; what else there is goes the long way."""
    payload = os.urandom(size)
    frame = sent(BINARY, payload, mask=mask)
    assert FrameReader(LARGEST).sounds(frame) == ([payload] if size > 125 else None)
    assert FrameReader(LARGEST).feed(frame) == [Frame(BINARY, payload)]
    after = sent(BINARY, bytes(200))
    assert FrameReader(LARGEST).sounds(frame + after) == ([payload, bytes(200)] if size > 125 else None)
    for other in (frame[:-1], frame + b"\0", frame + after[:100], sent(TEXT, payload), frame + sent(TEXT, b"a")):
        assert FrameReader(LARGEST).sounds(other) is None
    assert FrameReader(LARGEST).sounds(sent(BINARY, payload, final=False)) is None
    assert FrameReader(150).sounds(sent(BINARY, bytes(151))) is None, "that is refused, by the long way"
    begun = FrameReader(LARGEST)
    begun.feed(sent(TEXT, b"a", final=False))
    assert begun.sounds(frame) is None


def test_masks_are_taken_off_by_compiled_code() -> None:
    """aiohttp's, which has a slow one for machines without: nobody would notice but for what a call costs."""
    assert websocket_mask.__class__.__name__ == "cython_function_or_method"


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (sent(BINARY, b"ab", flags=0x40), 1002),  # an extension
        (framed(BINARY, b"ab"), 1002),  # not masked
        (sent(3, b""), 1002),
        (sent(11, b""), 1002),
        (sent(PING, bytes(126)), 1002),
        (sent(PING, b"", final=False), 1002),
        (sent(CONTINUED, b"ab"), 1002),
        (sent(TEXT, b"a", final=False) + sent(TEXT, b"b"), 1002),
        (sent(BINARY, bytes(LARGEST + 1)), 1009),
        (b"\x82\xff" + (1 << 62).to_bytes(8, "big"), 1009),  # refused before a byte of it is kept
        (sent(BINARY, bytes(LARGEST), final=False) + sent(CONTINUED, b"a"), 1009),
        (sent(BINARY, b"", final=False) + sent(CONTINUED, b"", final=False) * PARTS, 1009),
    ],
)
def test_what_breaks_the_protocol_is_refused(stream: bytes, status: int) -> None:
    """With the code that the RFC has for it."""
    with pytest.raises(ProtocolViolation) as fault:
        FrameReader(LARGEST).feed(stream)
    assert fault.value.status == status


GOOD = {
    "Upgrade": "WebSocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_hands_are_shaken_as_the_rfc_shows_it() -> None:
    """The example of section 1.3; and who does not ask for a WebSocket is told what is missing."""
    assert refusal("GET", GOOD) is None
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in welcome(GOOD["Sec-WebSocket-Key"])
    assert refusal("POST", GOOD)
    for name, wrong in [("Upgrade", "h2c"), ("Connection", "close"), ("Sec-WebSocket-Version", "8")]:
        assert name in (refusal("GET", GOOD | {name: wrong}) or "")
    for key in ("", "short", "not base64!", "dGhlIHNhbXBsZSBub25jZSBhbmQgbW9yZQ=="):
        assert "Sec-WebSocket-Key" in (refusal("GET", GOOD | {"Sec-WebSocket-Key": key}) or "")


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = ""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = cast(WebSocket, protocol)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return bool(self.closed)

    def close(self) -> None:
        self._end("closed")

    def abort(self) -> None:
        self._end("aborted")

    def _end(self, how: str) -> None:
        if not self.closed:
            self.closed = how
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


def taken_over() -> tuple[WebSocket, Wire]:
    wire = Wire()
    ws = WebSocket(LARGEST, 20.0, lambda exc: None)
    ws.take_over(wire, GOOD["Sec-WebSocket-Key"])
    wire.written = b""
    return ws, wire


def test_what_came_before_anybody_listened_is_heard_first() -> None:
    """The first message by itself, the others in their order; and too many of them end it."""

    async def story() -> None:
        ws, wire = taken_over()
        first = asyncio.create_task(ws.first())
        await asyncio.sleep(1)
        ws.data_received(sent(TEXT, "grüß Gott".encode()) + sent(BINARY, b"ab"))
        assert await first == "grüß Gott"
        ws.data_received(sent(BINARY, b"c" * 640))
        heard: list[Message] = []
        ws.listen(heard.append)
        ws.data_received(sent(TEXT, b"d"))
        assert heard == [b"ab", b"c" * 640, "d"]
        ws.abort()
        assert await ws.over == LOST

        ws, wire = taken_over()
        ws.data_received(sent(BINARY, b"x") * 100)
        assert wire.closed == "aborted"
        assert await ws.over == LOST

    run(story())


def test_a_peer_that_says_goodbye_is_answered() -> None:
    """With its own code; one without a code with 1000. Nothing that comes after it counts."""

    async def story() -> None:
        for payload, code, answer in [(b"\x03\xe8bye", 1000, 1000), (b"\x0f\xa0", 4000, 4000), (b"", NO_CODE, 1000)]:
            ws, wire = taken_over()
            heard: list[Message] = []
            ws.listen(heard.append)
            ws.data_received(sent(PING, b"still there?") + sent(CLOSE, payload) + sent(TEXT, b"too late"))
            assert await ws.over == code
            assert wire.written == framed(PONG, b"still there?") + framed(CLOSE, answer.to_bytes(2, "big"))
            assert (wire.closed, heard) == ("closed", [])
            assert await ws.first() is None
            await asyncio.sleep(0)

    run(story())


def test_our_goodbye_waits_for_theirs() -> None:
    """And nothing is said after it."""

    async def story() -> None:
        ws, wire = taken_over()
        closing = asyncio.create_task(ws.close(1000))
        await asyncio.sleep(1)
        ws.write(framed(TEXT, b"after the end"))
        assert wire.written == framed(CLOSE, b"\x03\xe8")
        assert not wire.is_closing()
        ws.data_received(sent(CLOSE, b"\x03\xe8"))
        await closing
        assert wire.closed == "closed"
        await asyncio.sleep(0)

    run(story())


def test_text_that_is_none_ends_it() -> None:
    """Closed with 1007; a broken frame with its own code."""

    async def story() -> None:
        for stream, code in [(sent(TEXT, b"\xff"), 1007), (framed(TEXT, b""), 1002)]:
            ws, wire = taken_over()
            ws.data_received(stream)
            assert await ws.over == code
            assert wire.written[2:4] == code.to_bytes(2, "big")
            await asyncio.sleep(0)

    run(story())


def test_a_peer_that_is_gone_without_a_word_is_noticed() -> None:
    """A ping every twenty seconds; whoever has sent nothing since the last one is let go."""

    async def story() -> float:
        clock = asyncio.get_running_loop().time
        ws, wire = taken_over()
        await asyncio.sleep(20.5)
        assert wire.written == framed(PING, b"")
        ws.data_received(sent(PONG, b""))
        await asyncio.sleep(20)
        assert not wire.closed
        assert await ws.over == LOST
        return clock()

    assert run(story()) == pytest.approx(60)
