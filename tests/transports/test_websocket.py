"""The server's end of a WebSocket: who is heard, how much work they may cause, who is gone. RFC 6455."""

import asyncio
from typing import cast

import pytest

from lineside.errors import TransportError
from lineside.transports.early_messages import EARLY_BYTES, Message
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, CLOSE, CONTINUED, LOST, NO_CODE, PING, PONG, STEP, TEXT, framed
from lineside.transports.websocket_handshake import chosen, refusal, welcome
from lineside.transports.work_budget import FRAME_WORK, WORK_AT_ONCE, WORK_PER_SECOND
from tests.transports.test_websocket_frames import LARGEST, sent
from tests.virtual_time import run

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
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

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


def unshed(why: TransportError) -> None:
    raise AssertionError(f"shed: {why}")


def taken_over() -> tuple[WebSocket, Wire]:
    wire = Wire()
    ws = WebSocket(LARGEST, 20.0, lambda exc: None)
    ws.take_over(wire, GOOD["Sec-WebSocket-Key"])
    wire.written = b""
    return ws, wire


def test_what_came_before_anybody_listened_is_heard_first() -> None:
    """The first message by itself, the others in their order; with too many of them the socket is not read on."""

    async def story() -> None:
        ws, wire = taken_over()
        first = asyncio.create_task(ws.first())
        await asyncio.sleep(1)
        ws.data_received(sent(TEXT, "grüß Gott".encode()) + sent(BINARY, b"ab"))
        assert await first == "grüß Gott"
        ws.data_received(sent(BINARY, b"c" * 640))
        heard: list[Message] = []
        ws.listen(heard.append, unshed)
        ws.data_received(sent(TEXT, b"d"))
        assert heard == [b"ab", b"c" * 640, "d"]
        ws.abort()
        assert await ws.over == LOST

        for early in (sent(BINARY, b"x"), sent(BINARY, bytes(30_000))):
            ws, wire = taken_over()
            received = 0
            while wire.reading:
                ws.data_received(early * 4)
                received += 4
                assert received <= 68
            assert received * len(early) < EARLY_BYTES + 5 * len(early)
            await asyncio.sleep(1)
            assert not wire.reading
            heard = []
            ws.listen(heard.append, unshed)
            assert (len(heard), wire.reading) == (received, True)
            ws.abort()
            await ws.over

    run(story())


def test_a_peer_that_says_goodbye_is_answered() -> None:
    """With its own code; one without a code with 1000. Nothing that comes after it counts."""

    async def story() -> None:
        for payload, code, answer in [(b"\x03\xe8bye", 1000, 1000), (b"\x0f\xa0", 4000, 4000), (b"", NO_CODE, 1000)]:
            ws, wire = taken_over()
            heard: list[Message] = []
            ws.listen(heard.append, unshed)
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


FLOODS = {
    "pings": sent(PING, b""),
    "pongs": sent(PONG, bytes(125)),
    "empty messages": sent(BINARY, b""),
    "empty pieces": sent(BINARY, b"", final=False) + sent(CONTINUED, b"", final=False) * 900 + sent(CONTINUED, b""),
    "small sounds": sent(BINARY, bytes(126)),
}


@pytest.mark.parametrize(
    ("flood", "listened_to"),
    [*((flood, True) for flood in FLOODS), *((flood, False) for flood in ("pings", "pongs", "empty pieces"))],
)
def test_a_peer_who_causes_too_much_work_is_shed(flood: str, listened_to: bool) -> None:
    """Whatever it is made of, in a minute's call or before anybody listens: it ends within a second, with 1008."""

    async def story() -> None:
        clock = asyncio.get_running_loop().time
        ws, wire = taken_over()
        shed: list[TransportError] = []
        if listened_to:
            ws.listen(lambda message: None, shed.append)
            await asyncio.sleep(10)  # what was not used is not saved up
        began, done = clock(), 0.0
        flooding = FLOODS[flood] * (2000 if len(FLOODS[flood]) < 1000 else 2)
        while not shed and not ws.over.done() and clock() - began < 5:
            if wire.reading:
                ws.data_received(flooding)
                done = ws.budget.spent
            await asyncio.sleep(0.02)
        assert clock() - began <= 3
        assert done <= 2 * WORK_AT_ONCE + 3 * WORK_PER_SECOND + STEP * FRAME_WORK + len(flooding)
        if listened_to:
            assert [fault.code for fault in shed] == ["too_many_messages"]
            assert not wire.reading, "nothing more is read"
            await ws.close(1008)
        assert (1008).to_bytes(2, "big") in wire.written
        await asyncio.sleep(0)

    run(story())


def test_the_busiest_ordinary_caller_is_never_shed() -> None:
    """128 samples at 48 kHz a message, for a minute; after a stall of four seconds all that has gathered at once."""

    async def story() -> None:
        ws, _ = taken_over()
        heard: list[Message] = []
        ws.listen(heard.append, unshed)
        frame = sent(BINARY, bytes(256))
        for _ in range(60 * 25):
            ws.data_received(frame * 15)
            await asyncio.sleep(0.04)
        for waiting in range(1500 // 100):
            ws.data_received(frame * 100)
            await asyncio.sleep(0.02 if waiting % 5 == 0 else 0)
        await asyncio.sleep(1)
        assert len(heard) == 60 * 375 + 1500
        ws.abort()
        await ws.over

    run(story())


def test_much_at_once_is_read_in_steps() -> None:
    """Between two steps the socket is not read and others are heard; nothing is lost, and the order stays."""

    async def story() -> None:
        ws, wire = taken_over()
        heard: list[Message] = []
        ws.listen(heard.append, unshed)
        ws.data_received(b"".join(sent(TEXT, str(number).encode()) for number in range(600)))
        assert (len(heard), wire.reading) == (STEP, False)
        await asyncio.sleep(0.1)
        assert (heard, wire.reading) == ([str(number) for number in range(600)], True)
        ws.abort()
        await ws.over

    run(story())


def test_only_the_latest_ping_is_answered_and_none_while_the_peer_does_not_read() -> None:
    """RFC 6455, 5.5.3. What waits for a peer who pings without reading stays one answer."""

    async def story() -> None:
        ws, wire = taken_over()
        ws.listen(lambda message: None, unshed)
        ws.data_received(sent(PING, b"one") + sent(PING, b"two"))
        assert wire.written == framed(PONG, b"two")
        ws.pause_writing()
        for number in range(50):
            ws.data_received(sent(PING, str(number).encode()))
        assert wire.written == framed(PONG, b"two")
        ws.resume_writing()
        assert wire.written == framed(PONG, b"two") + framed(PONG, b"49")
        ws.abort()
        await ws.over

    run(story())


def test_who_listens_hears_when_the_socket_takes_more() -> None:
    """Each time it was full; no more once the connection is gone."""

    async def story() -> None:
        ws, _ = taken_over()
        free: list[bool] = []
        ws.listen(lambda message: None, unshed, lambda: free.append(ws.writable))
        for _ in range(2):
            ws.pause_writing()
            ws.resume_writing()
        assert free == [True, True]
        ws.abort()
        await ws.over
        ws.resume_writing()
        assert free == [True, True]

    run(story())


def test_a_peer_who_was_shed_is_not_heard_by_the_next_listener() -> None:
    """Nor does the next one hear that they were shed: the goodbye goes out without waiting for theirs."""

    async def story() -> None:
        ws, wire = taken_over()
        heard: list[Message] = []
        shed: list[TransportError] = []
        ws.listen(heard.append, shed.append)
        ws.shed("why")
        ws.listen(heard.append, unshed)
        ws.data_received(sent(BINARY, bytes(640)) + sent(TEXT, b"a"))
        assert (heard, len(shed), wire.reading) == ([], 1, False)
        await ws.close(1008)
        assert wire.closed == "closed"

    run(story())


def test_a_goodbye_with_a_code_that_may_not_be_sent_is_answered_with_1002() -> None:
    """It is not echoed."""

    async def story() -> None:
        for payload, code in [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe7", 1002), (b"\x03\xe8\xff", 1007)]:
            ws, wire = taken_over()
            ws.data_received(sent(CLOSE, payload))
            assert await ws.over == code
            assert wire.written[2:4] == code.to_bytes(2, "big")
            await asyncio.sleep(0)

    run(story())


def test_a_line_may_go_without_pings_and_still_notices_that_the_peer_is_gone() -> None:
    """Asterisk before 22.8 hangs up at a ping."""

    async def story() -> None:
        for pings in (True, False):
            wire = Wire()
            ws = WebSocket(LARGEST, 20.0, lambda exc: None, pings=pings)
            ws.take_over(wire, GOOD["Sec-WebSocket-Key"])
            wire.written = b""
            ws.listen(lambda message: None, unshed)
            await asyncio.sleep(21)
            assert wire.written == (framed(PING, b"") if pings else b"")
            ws.data_received(sent(BINARY, bytes(640)))
            await asyncio.sleep(21)
            assert not ws.over.done()
            await asyncio.sleep(25)
            assert ws.over.result() == LOST

    run(story())


def test_a_subprotocol_is_named_only_if_it_was_offered() -> None:
    """Asterisk's client fails the handshake if one comes back that it did not offer."""
    key = GOOD["Sec-WebSocket-Key"]
    assert b"Sec-WebSocket-Protocol: media\r\n" in welcome(key, chosen("foo, media", ("media",)))
    for offered in (None, "", "foo", "foo;media"):
        assert chosen(offered, ("media",)) == ""
        assert b"Protocol" not in welcome(key, "").replace(b"Switching Protocols", b"")


def test_sound_in_text_takes_the_short_way() -> None:
    """Where a carrier puts sound into JSON: the same messages, as bytes, and short ones as text."""

    async def story() -> None:
        wire = Wire()
        ws = WebSocket(LARGEST, 20.0, lambda exc: None, sound_in_text=True)
        ws.take_over(wire, GOOD["Sec-WebSocket-Key"])
        heard: list[Message] = []
        ws.listen(heard.append, unshed)
        media = b'{"event":"media","media":{"payload":"' + b"A" * 216 + b'"}}'
        for _ in range(2):
            ws.data_received(sent(TEXT, media))
        ws.data_received(sent(TEXT, media) + sent(TEXT, b'{"event":"stop"}'))
        assert heard == [media, media, media.decode(), '{"event":"stop"}']
        ws.abort()
        await ws.over

    run(story())
