"""A telephone line without sound is named in the call's record, once, and costs nothing once all is well."""

import asyncio
from collections.abc import Callable

import pytest

from lineside.protocol import EndReason, ServerMessage
from lineside.transports.base import TransportListener
from lineside.transports.media_check import DEAF, MUTE, SILENT, MediaCheck
from tests.transports.conformance import Listening
from tests.virtual_time import run

QUIET, VOICE = b"\xff" * 160, b"\xff" * 80 + b"\x31" * 80


class Line:
    """A line that is told what comes."""

    codec = "g711_ulaw"
    rate = 8000

    def __init__(self, *, marks: bool) -> None:
        self._marks = marks
        self.listener: TransportListener | None = None

    async def run(self, listener: TransportListener) -> EndReason:
        self.listener = listener
        await asyncio.sleep(20)
        return "caller_hung_up"

    def send(self, payload: bytes) -> None: ...

    def clear(self) -> float | None:
        return None

    def mark(self, name: str) -> bool:
        return self._marks

    def on_event(self, event: ServerMessage) -> None: ...


def checked(come: Callable[[float], bytes | None], *, marks: bool = True, back: float | None = 0.5) -> list[str]:
    """The faults told, where this comes every 20 ms and the first mark is back after `back` seconds."""

    async def story() -> list[str]:
        line, listener = Line(marks=marks), Listening()
        check = MediaCheck(line)  # type: ignore[arg-type]
        running = asyncio.create_task(check.run(listener))
        await asyncio.sleep(0)
        check.mark("e0-1")
        heard = 0
        for number in range(500):
            assert line.listener is not None
            if (payload := come(number / 50)) is not None:
                line.listener.on_audio(payload)
                heard += len(payload)
            if back is not None and number == round(back * 50):
                line.listener.on_mark("e0-1")
            await asyncio.sleep(0.02)
        assert len(listener.sound) == heard, "all of it reaches the call"
        assert await running == "caller_hung_up"
        return listener.faults

    return run(story())


def test_a_line_that_carries_sound_both_ways_is_not_spoken_of() -> None:
    """Silence before the first word is none to the last sample for long; some lines know no marks."""
    assert checked(lambda at: VOICE) == []
    assert checked(lambda at: QUIET if at < SILENT - 0.1 else VOICE) == []
    assert checked(lambda at: VOICE, marks=False, back=None) == []


@pytest.mark.parametrize(
    ("come", "back", "fault"),
    [
        (lambda at: None, 0.5, "line_deaf"),
        (lambda at: QUIET, 0.5, "line_silent"),
        (lambda at: VOICE, None, "line_mute"),
        (lambda at: VOICE if at > DEAF + 1 else None, 0.5, "line_deaf"),
        (lambda at: VOICE, MUTE + 1, "line_mute"),
    ],
)
def test_what_is_wrong_is_named_once(come: Callable[[float], bytes | None], back: float | None, fault: str) -> None:
    """Nothing comes, silence comes, nothing is played."""
    assert checked(come, back=back) == [fault]
