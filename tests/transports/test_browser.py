"""What leaves by a browser's line, and when."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from lineside.errors import TransportError
from lineside.line_report import LineMeasured
from lineside.protocol import Clear, ClientMessage, FirstMessage, LlmToken, Text
from lineside.transports.base import AudioMeter
from lineside.transports.browser import BrowserTransport
from lineside.transports.client_texts import FAULTS
from lineside.transports.outbox import TOKENS_WAIT
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY
from tests.virtual_time import run

WORD = "word"


class Wire:
    """Stands for the socket: what was written, one entry a write, as kinds and payloads."""

    def __init__(self) -> None:
        self.writable = True
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
        self.messages: list[ClientMessage] = []

    def on_audio(self, payload: bytes) -> None: ...

    def on_message(self, message: ClientMessage) -> None:
        self.messages.append(message)

    def on_hold(self, held: bool) -> None: ...

    def on_mark(self, name: str) -> None: ...

    def on_line_measured(self, measured: LineMeasured) -> None: ...

    def on_bad_message(self, fault: TransportError) -> None:
        self.faults.append(fault.code)

    def on_line_away(self) -> None: ...

    def on_line_back(self, away: float, unheard: float) -> None: ...


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


class Heard:
    """Stands for a socket on which a caller's program sends messages: one after the other, so many seconds apart."""

    def __init__(self, *messages: str, each: float = 0.0) -> None:
        self.writable = True
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._messages, self._each = messages, each

    def write(self, frames: bytes) -> None:
        """Nothing here is looked at."""

    def abort(self) -> None:
        """See `WebSocket`."""

    def listen(
        self,
        listener: Callable[[bytes | str], None],
        shed: Callable[[TransportError], None],
        on_writable: Callable[[], None],
    ) -> None:
        """Send them, then hang up."""
        for number, message in enumerate(self._messages):
            asyncio.get_running_loop().call_later(number * self._each, listener, message)


def told(*messages: str, each: float = 0.0, lasts: float = 30.0) -> tuple[list[ClientMessage], str]:
    """What the call hears of these messages, and how the line ends: hung up on at the end, or earlier by a fault."""

    async def go() -> tuple[list[ClientMessage], str]:
        ws, call = Heard(*messages, each=each), Listening()
        line = BrowserTransport(cast("WebSocket", ws), FirstMessage(codec="pcm"), AudioMeter())
        asyncio.get_running_loop().call_later(lasts, ws.over.set_result, 1000)
        try:
            return call.messages, await line.run(call)
        except TransportError as fault:
            return call.messages, fault.code

    return run(go())


def text(words: str) -> str:
    return msgspec.json.encode(Text(words)).decode()


def test_a_program_that_types_ever_so_fast_makes_some_turns_a_second() -> None:
    """Two thousand short texts in ten seconds: every word is heard, in some forty turns."""
    heard, end = told(*(text(f"{number}") for number in range(2000)), each=0.005)
    assert end == "caller_hung_up"
    assert len(heard) <= 10 + 3 * 10 + 2
    assert " ".join(turn.text for turn in heard if isinstance(turn, Text)).split() == [str(n) for n in range(2000)]


def test_a_program_that_types_more_than_anybody_could_read_is_ended() -> None:
    """After the faults that are passed over."""
    heard, end = told(*(text("x" * 4000) for _ in range(200)), each=0.001)
    assert end == "too_many_turns"
    assert len(heard) <= 10


@pytest.mark.parametrize(
    "odd",
    [
        '{"type":"text","text":"a","x":' + "[" * 5000 + "]" * 5000 + "}",
        "[" * 60_000,
        '{"type":"text","text":"a","more":1}',
        '{"type":"dtmf","digits":"1","more":1}',
        '{"type":"hangup","more":1}',
        '{"type":"text","text":"a"}' + " " * 70_000,
    ],
)
def test_odd_messages_are_answered_and_passed_over(odd: str) -> None:
    """Nested without end, with fields that nobody knows, or far too long: the call goes on, and ends at too many."""
    assert told(odd, text("hello"))[0] == [Text("hello")]
    assert told(*[odd] * 25)[1] == "bad_message"


def test_a_caller_who_is_shed_ends_the_call_with_that_reason() -> None:
    """The call hears of it as of any broken line."""

    async def go() -> str:
        ws = Heard()
        line = BrowserTransport(cast("WebSocket", ws), FirstMessage(codec="pcm"), AudioMeter())
        ws.listen = lambda listener, shed, on_writable: shed(TransportError("too_many_messages", "why"))  # type: ignore[method-assign]
        try:
            return await line.run(Listening())
        except TransportError as fault:
            return fault.code

    assert run(go()) == "too_many_messages"
