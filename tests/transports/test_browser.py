"""What leaves by a browser's line, and when."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from lineside.errors import TransportError
from lineside.protocol import Clear, ClientMessage, FirstMessage, LlmToken
from lineside.transports.base import AudioMeter
from lineside.transports.browser import FAULTS, TOKENS_WAIT, BrowserTransport
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
        line = BrowserTransport(cast("WebSocket", wire), FirstMessage(codec="pcm"), AudioMeter())
        for step in steps:
            step(line)
            await asyncio.sleep(each)
        await asyncio.sleep(1.0)
        return wire.writes

    return run(go())


def token(line: BrowserTransport) -> None:
    line.on_event(LlmToken(at=1.0, turn=1, reply=1, token=WORD))


def sound(line: BrowserTransport) -> None:
    line.send(bytes(100))


def clear(line: BrowserTransport) -> None:
    line.on_event(Clear(at=1.0, turn=1, reply=1))


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


class Listening:
    """Stands for the call."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def on_audio(self, payload: bytes) -> None: ...

    def on_message(self, message: ClientMessage) -> None: ...

    def on_bad_message(self, fault: TransportError) -> None:
        self.faults.append(fault.code)


def test_the_call_hears_of_a_bad_message_and_the_twenty_first_ends_it() -> None:
    """Twenty are passed over."""
    call = Listening()

    async def go() -> None:
        line = BrowserTransport(cast("WebSocket", Wire()), FirstMessage(codec="pcm"), AudioMeter())
        for _ in range(FAULTS):
            line._take("no JSON", call, 1.0)
        with pytest.raises(TransportError, match="not JSON"):
            line._take("no JSON", call, 1.0)

    run(go())
    assert call.faults == ["bad_message"] * FAULTS
