"""What leaves by a browser's line, and when."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec

from lineside.call.observers import Unmetered
from lineside.errors import TransportError
from lineside.observability.metrics import GatewayMetrics
from lineside.protocol import Clear, FirstMessage, LlmToken
from lineside.transports.browser import TOKENS_WAIT, BrowserTransport
from lineside.transports.websocket import BINARY, WebSocket
from tests.virtual_time import run

WORD = "word"


class Wire:
    """Stands for the socket: what was written, one entry a write, as kinds and payloads."""

    def __init__(self) -> None:
        self.writable, self.on_writable = True, lambda: None
        self.writes: list[list[Any]] = []

    def write(self, frames: bytes) -> None:
        found, at = list[Any](), 0
        while at < len(frames):
            kind, size, at = frames[at] & 15, frames[at + 1], at + 2
            payload, at = frames[at : at + size], at + size
            found.append("sound" if kind == BINARY else msgspec.json.decode(payload)["type"])
        self.writes.append(found)


def written(*steps: Callable[[BrowserTransport], None], each: float = 0.0) -> list[list[Any]]:
    """What a line writes when these things are done to it, so many seconds apart."""

    async def go() -> list[list[Any]]:
        wire = Wire()
        line = BrowserTransport(cast("WebSocket", wire), FirstMessage(codec="pcm"), Unmetered())
        for step in steps:
            step(line)
            await asyncio.sleep(each)
        await asyncio.sleep(1.0)
        return wire.writes

    return run(go())


def token(line: BrowserTransport) -> None:
    line.tell(LlmToken(at=1.0, turn=1, reply=1, token=WORD))


def sound(line: BrowserTransport) -> None:
    line.send(bytes(100))


def clear(line: BrowserTransport) -> None:
    line.tell(Clear(at=1.0, turn=1, reply=1))


def test_tokens_leave_together() -> None:
    """Four of them within 20 ms are one write."""
    assert written(token, token, token, token, each=TOKENS_WAIT / 5) == [["llm_token"] * 4]


def test_a_token_waits_for_nobody_for_long() -> None:
    """With half a second between them each leaves alone."""
    assert written(token, token, each=0.5) == [["llm_token"], ["llm_token"]]


def test_sound_waits_for_no_token_and_takes_them_along() -> None:
    """In the order in which they were said."""
    assert written(token, sound, each=0.001) == [["llm_token", "sound"]]


def test_what_stops_the_sound_leaves_at_once() -> None:
    """A clear is in a write of its own, before the next thing happens."""
    assert written(clear, token, each=0.001) == [["clear"], ["llm_token"]]


def test_a_message_that_is_passed_over_is_counted() -> None:
    """The call goes on and knows nothing of it; whoever reads the metrics does, once."""
    meters = GatewayMetrics()

    async def go() -> None:
        line = BrowserTransport(cast("WebSocket", Wire()), FirstMessage(codec="pcm"), meters.call("browser", {}))
        line._fault(TransportError("bad_message", "not JSON"))

    run(go())
    assert b'lineside_errors_total{kind="bad_message",stage="line"} 1.0' in meters.text()
