"""The page over a long call: it does not grow, and it leaves its machine alone."""

from pathlib import Path

import pytest
from playwright.sync_api import CDPSession

from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.page_checks import phase, until
from tests.browser.sounds import recording, silence, voice

pytestmark = pytest.mark.browser

LINE = (Path(__file__).parent / "scripted-line.js").read_text()
FULL = 110  # turns, after which the page keeps no more lines
QUARTER_OF_AN_HOUR = 75  # turns of twelve seconds
LAYOUTS = 10  # of the page a turn, which has twenty-five events; measured: 2
GROWN = 250_000  # bytes; measured: up to 90 kB, of code that was compiled meanwhile and turns of other lengths
BUSY = 0.15  # of one core


def test_a_quarter_of_an_hour_of_talk_does_not_let_the_page_grow(gateway: OpenGateway, visit: OpenPage) -> None:
    """Once its two hundred lines are full, the next quarter of an hour leaves as many elements and as much memory; a
    word is drawn without looking at all the others."""
    page = visit(gateway().url, script=LINE)
    page.fill("#words", "Hello?")
    page.press("#words", "Enter")
    phase(page, "listening")
    page.evaluate("turns => line.talk(turns)", FULL)
    session = page.context.new_cdp_session(page)
    until(page, "document.querySelectorAll('#lines > li').length === 200")
    session.send("Performance.enable")
    before = _memory(session), page.evaluate("document.querySelectorAll('*').length")
    layouts = _measured(session)["LayoutCount"]

    page.evaluate("turns => line.talk(turns)", QUARTER_OF_AN_HOUR)
    until(page, f"document.querySelector('#lines').innerText.includes('Question {FULL + QUARTER_OF_AN_HOUR}:')")
    after = _memory(session), page.evaluate("document.querySelectorAll('*').length")
    assert _measured(session)["LayoutCount"] - layouts < LAYOUTS * QUARTER_OF_AN_HOUR  # once a frame, not once an event
    assert after[0] - before[0] < GROWN
    assert abs(after[1] - before[1]) < 50  # turns differ by what was cut off in them


def _memory(session: CDPSession) -> int:
    """Bytes of the page's objects, after what nobody needs was thrown away."""
    for _ in range(2):  # what only a finaliser held goes in the second round
        session.send("HeapProfiler.collectGarbage")
    used: int = session.send("Runtime.getHeapUsage")["usedSize"]
    return used


def test_talking_leaves_the_page_free(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """Microphone, meter, loudspeaker and transcript together take less than 15 % of one core."""
    talk = [part for _ in range(5) for part in (voice(1.5), silence(3))]
    mic = recording(tmp_path / "mic.wav", [silence(1), *talk])
    page = visit(gateway(answers=["We are open. From nine to six. " * 2]).url, mic=mic)
    session = page.context.new_cdp_session(page)
    # Seconds of the thread, not of the clock: other programs of the machine do not count.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.click("#talk")
    phase(page, "listening")
    began, busy = _clock(session)
    until(page, "document.querySelectorAll('#lines > .agent .ms').length >= 2")
    now, busy_now = _clock(session)
    assert (busy_now - busy) / (now - began) < BUSY


def _clock(session: CDPSession) -> tuple[float, float]:
    """Now, and for how long the page's thread has worked, both in seconds."""
    told = _measured(session)
    return told["Timestamp"], told["TaskDuration"]


def _measured(session: CDPSession) -> dict[str, float]:
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
