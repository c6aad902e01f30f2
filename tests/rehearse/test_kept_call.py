"""A kept call is rehearsed: the same words again, the tools as they answered then, the same to come of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace

from lineside.errors import LinesideError
from lineside.records.business_entries import KeptSlot, KeptToolCall
from lineside.records.entries import KeptCall, KeptTurn, WholeCall
from lineside.rehearse.kept_call import as_toml, desk_of
from lineside.rehearse.kept_sound import KeptSound
from lineside.rehearse.scenario import load_desk
from lineside.rehearse.text_level import rehearse_by_text
from tests.rehearse.test_rehearse import DESK, desk

TEXTS: dict[str, Any] = dict.fromkeys(
    ("line", "codec", "caller", "mode", "agent", "stt", "llm", "llm_model", "tts", "tts_voice"), ""
)
BOOKED = {"order_number": "12345", "day": "2026-12-04", "part_of_day": "morning", "phone": "+15550101234"}
LINES = (
    'Hi. "Lakeside"? I\'d like to book an engineer.',
    "12345",
    "Yes, I have.",
    "On Friday.",
    "In the morning.",
    "555 010 1234",
    "Yes, please.",
    "No, that's all.",
)


def turn(number: int, heard: str, **fields: Any) -> KeptTurn:
    began = 3.0 * number
    usual: dict[str, Any] = {"speech_began_at": began, "speech_ended_at": began + 1, "heard_at": began + 1, "said": ""}
    usual |= {"reached": "", "audio_at": None, "done_at": None, "cut": False, "wasted": 0, "stages": {}}
    return KeptTurn(turn=number, reply=number, heard=heard, **(usual | fields))


def tool_call(number: int, tool: str, arguments: dict[str, str], state: str = "ok", **fields: Any) -> KeptToolCall:
    usual: dict[str, Any] = {"at": 1.0, "turn": 1, "reply": 1, "effect": "reads", "gives": {}, "why": "", "key": ""}
    usual |= {"ms": 900.0, "heard": True}
    return KeptToolCall(number=number, tool=tool, state=state, arguments=arguments, **(usual | fields))  # type: ignore[arg-type]


def call(*tools: KeptToolCall, lines: tuple[str, ...] = LINES) -> WholeCall:
    about = KeptCall(
        id="c0ffee",
        began=1_796_112_000.0,  # 1 December 2026, noon
        seconds=60.0,
        reason="agent_said_goodbye",
        rate=8000,
        turns=len(lines),
        recording="kept",
        recording_bytes=1,
        **TEXTS,
    )
    turns = (turn(0, "", said="Hello."), *(turn(number, line) for number, line in enumerate(lines, 1)))
    slot = KeptSlot(slot="day", at=1.0, turn=1, value="2026-12-04", sure=True, filled_by="speech")
    return WholeCall(call=about, turns=turns, decisions=(), tool_calls=tools, slots=(slot,))


BOOKING = tool_call(1, "book_visit", BOOKED, effect="writes", gives={"reference": "X99"})


def test_a_booking_that_was_kept_goes_as_it_went() -> None:
    """The visit is booked again, in the stand-in, and the reference is the one that was given."""
    found = desk_of(call(BOOKING), desk().agent)
    (result,) = rehearse_by_text(found)
    assert result.runs[0].failures == ()
    assert any("X, 9, 9" in text for _, text in result.runs[0].conversation)
    assert found.today.isoformat() == "2026-12-01"


def test_an_agent_that_does_otherwise_now_is_told_of() -> None:
    """It asks for another day, or says no goodbye."""
    whole = call(tool_call(1, "book_visit", BOOKED | {"day": "2026-12-05"}, effect="writes"))
    (result,) = rehearse_by_text(desk_of(whole, desk().agent))
    assert {failure.kind for failure in result.runs[0].failures} == {"no_tool", "state"}


def test_what_was_found_refused_or_late_is_so_again() -> None:
    """An order that was not there, one that was, and a system that did not answer."""
    gone = tool_call(1, "find_order", {"order_number": "99999"}, "failed", why="not_found")
    sent = tool_call(2, "find_order", {"order_number": "24680"}, gives={"status": "on its way", "due": "2026-12-14"})
    lines = ("Where is my order?", "99999", "24680", "No, goodbye.")
    (result,) = rehearse_by_text(desk_of(call(gone, sent, lines=lines), desk().agent))
    said = " ".join(text for _, text in result.runs[0].conversation)
    assert "can't find" in said
    assert "on its way" in said
    late = tool_call(1, "find_order", {"order_number": "12345"}, "timeout")
    asked_once = ("Where is my order? It's 12345.", "No, goodbye.")
    (result,) = rehearse_by_text(desk_of(call(late, lines=asked_once), desk().agent))
    assert "can't reach our system" in " ".join(text for _, text in result.runs[0].conversation)


def test_a_write_that_failed_fails_again() -> None:
    """For the same reason, and nothing is booked."""
    full = tool_call(1, "book_visit", BOOKED, "failed", effect="writes", why="full")
    lines = (*LINES[:7], "No, never mind.", "No, goodbye.")
    (result,) = rehearse_by_text(desk_of(call(full, lines=lines), desk().agent))
    assert "That day is full" in " ".join(text for _, text in result.runs[0].conversation)
    assert "state" not in {failure.kind for failure in result.runs[0].failures}


def test_what_cannot_be_rehearsed_is_said() -> None:
    """A silent caller, a tool that is gone, a secret that nobody kept."""
    for whole, why in (
        (call(lines=("",)), "said nothing"),
        (call(tool_call(1, "teleport", {})), "no tool teleport"),
        (call(tool_call(1, "pay", {"account": "1", "card": "•••"}, effect="writes")), "secret"),
    ):
        with pytest.raises(LinesideError, match=why):
            desk_of(whole, desk().agent)


def test_it_can_be_kept_as_a_file(tmp_path: Path) -> None:
    """Which says the same when it is read again."""
    found = desk_of(call(BOOKING), desk().agent)
    file = tmp_path / "kept.toml"
    file.write_text(as_toml(found, str(DESK / "agent.toml")), encoding="utf-8")
    read = load_desk(file)
    assert (read.scenarios, read.state, read.tools, read.today) == (
        found.scenarios, found.state, found.tools, found.today
    )  # fmt: skip


def test_the_caller_is_heard_with_their_own_sound(tmp_path: Path) -> None:
    """Each turn is cut out of the recording, with a little before and after it."""
    sound = np.zeros((8000 * 12, 2), np.int16)
    sound[3 * 8000 : 4 * 8000, 0] = 9000 * np.sign(np.sin(np.arange(8000)))
    soundfile.write(tmp_path / "c.flac", sound, 8000)
    kept = KeptSound(call(BOOKING), tmp_path / "c.flac")
    first = kept.said(LINES[0], 16_000)
    assert first is not None
    assert len(first) == pytest.approx(1.3 * 16_000, rel=0.01)
    assert np.abs(first).max() > 0.02
    assert kept.said("12345", 16_000) is None  # it is said digit by digit
    assert kept.said("one two three, four five", 16_000) is not None
    assert kept.said("Something else.", 16_000) is None
    with pytest.raises(LinesideError, match="cannot be read"):
        KeptSound(replace(call(BOOKING)), tmp_path / "none.flac")
