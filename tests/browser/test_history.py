"""The history on the page, at a real gateway that keeps its calls: found, opened, heard, deleted."""

import asyncio
import threading
import time
from array import array
from collections.abc import Callable
from math import pi, sin
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from lineside.audio.frame import AudioFrame
from lineside.protocol import FirstMessage
from lineside.records.entries import CallBegan, CallOver
from lineside.testclient.client import CallClient, ClientCall
from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.fixtures import BrowserGateway
from tests.browser.page_checks import until
from tests.browser.test_call_view import AXE

RATE = 16_000
MANY = 10_000


def elsewhere(story: Callable[[], Any]) -> Any:
    """Run it in a thread: while playwright lives, this one can run no event loop."""
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.append(story()), name="elsewhere")
    thread.start()
    thread.join(timeout=120)
    assert told, "it did not end, or failed"
    return told[0]


def keep(gateway: BrowserGateway, *, record: bool = True, key: str = "") -> str:
    """A call of one turn, kept; its id."""
    tone = array("h", (round(9000 * sin(2 * pi * 300 * n / RATE)) for n in range(RATE))).tobytes()

    def story() -> str:
        caller = CallClient(
            gateway.url, FirstMessage(codec="pcm", greeting="", caller="+15550100", record=record), key=key
        )
        held: ClientCall = asyncio.run(caller.run([("tone", AudioFrame(tone, RATE, 0.0))]))
        asyncio.run_coroutine_threadsafe(gateway.records.settled(), gateway._loop).result(60)
        return held.call_id

    return str(elsewhere(story))


def settle(gateway: BrowserGateway) -> None:
    """Wait until everything is in the database."""
    settled = asyncio.run_coroutine_threadsafe(gateway.records.settled(), gateway._loop)
    elsewhere(lambda: settled.result(60) or True)


def history(visit: OpenPage, gateway: BrowserGateway, **how: Any) -> Page:
    return visit(f"{gateway.url}/#/history", **how)


def opened(page: Page, call: str) -> None:
    page.locator(f'[data-kept="{call}"]').get_by_role("link", name="Open").click()
    expect(page.locator(f'[data-open="{call}"] .kept-turns li')).to_have_count(1)


def test_a_kept_call_is_found_opened_heard_and_deleted(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """Its words, its times, why the turn was over, its sound from any turn; then it is gone, after a question."""
    here = gateway(keeps=True, data_dir=tmp_path)
    call = keep(here)
    page = history(visit, here)
    page.get_by_role("searchbox").fill("nobody said this")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No matching calls.")).to_be_visible()
    page.get_by_role("searchbox").fill("when are you")
    page.get_by_role("button", name="Search").click()
    opened(page, call)
    kept = page.locator(f'[data-open="{call}"]')
    expect(kept.locator(".kept-turns")).to_contain_text("When are you open?")
    expect(kept.locator(".kept-turns")).to_contain_text("We are open. From nine to six.")
    expect(kept.get_by_text("Inbound, line browser · pcm at 16 kHz")).to_be_visible()
    expect(kept.locator("table")).to_contain_text("ms of silence")
    kept.get_by_text("Turn-taking log").click()
    expect(kept.locator("table")).to_be_hidden()
    expect(kept.locator(".wave path")).to_have_count(2)
    expect(kept.locator(".wave rect.wait")).to_have_count(1)
    kept.get_by_role("button", name="latency breakdown").click()
    expect(kept.locator(".bars li").first).to_be_visible()
    until(page, "document.querySelector('.kept audio').duration > 1")
    kept.get_by_role("button", name="play from turn 1").click()
    until(page, "document.querySelector('.kept audio').currentTime > 0.3")
    kept.get_by_role("button", name=f"Delete call {call[:8]}").click()
    page.get_by_role("button", name="Cancel").click()
    expect(kept).to_be_visible()
    kept.get_by_role("button", name=f"Delete call {call[:8]}").click()
    page.get_by_role("button", name="Delete the call").click()
    expect(kept).to_have_count(0)
    expect(page.locator("[data-kept]")).to_have_count(0)
    expect(page.get_by_role("heading", name="Call history")).to_be_focused()
    assert not list((tmp_path / "recordings").glob("*.flac"))


def test_a_gateway_with_a_key_lets_its_calls_be_heard_with_it(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path
) -> None:
    """A player and a link can carry no key; they work all the same."""
    here = gateway(keeps=True, data_dir=tmp_path, api_keys="secret")
    call = keep(here, key="secret")
    page = history(visit, here, script="sessionStorage.setItem('lineside key', 'secret')")
    opened(page, call)
    until(page, "document.querySelector('.kept audio').duration > 1")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as FLAC").click()
    assert Path(download.value.path()).read_bytes().startswith(b"fLaC")


@pytest.mark.parametrize(("words", "begins"), [("CSV", b'"call_id",'), ("JSONL", b'{"call":')])
def test_the_history_is_saved_as_a_file(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path, words: str, begins: bytes
) -> None:
    """The file comes, with what is searched for; a refusal says why, on the page."""
    here = gateway(keeps=True, data_dir=tmp_path)
    keep(here)
    page = history(visit, here)
    page.get_by_role("searchbox").fill("when are you")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("[data-kept]")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Save as {words}").click()
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(begins)
    assert b"When are you open?" in content
    page.route("**/export.*", lambda route: route.fulfill(status=503, json=REFUSED))
    page.get_by_role("link", name=f"Save as {words}").click()
    expect(page.get_by_role("alert").filter(has_text=f"{words} was not saved: the database is away")).to_be_visible()


REFUSED = {"error": {"code": "records_unavailable", "message": "the database is away"}}


def test_ten_thousand_calls_are_paged_without_lag(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """A page of them is drawn at a time; the next one is there at once, and one can go back."""
    here = gateway(keeps=True, data_dir=tmp_path)
    began = time.time() - MANY  # young enough for the retention to leave them alone

    def fill() -> bool:
        for number in range(MANY):
            name = f"{number:032x}"
            here.records.keep(
                CallBegan(
                    call=name, keeper="k", began=began + number, line="browser", codec="pcm", rate=RATE,
                    caller=f"+{number}", mode="conversation", agent="Test", stt="s", llm="l", llm_model="", tts="t",
                    tts_voice="", recording="none",
                )
            )  # fmt: skip
            here.records.keep(CallOver(call=name, ended=1.0, seconds=5.0, turns=1, reason="caller_hung_up"))
        asyncio.run_coroutine_threadsafe(here.records.settled(), here._loop).result(60)
        return True

    elsewhere(fill)
    page = history(visit, here)
    expect(page.get_by_text("Calls 1 to 50")).to_be_visible()
    for number in range(1, 6):
        page.get_by_role("button", name="Older").click()
        expect(page.get_by_text(f"Calls {50 * number + 1} to {50 * number + 50}")).to_be_visible()
        expect(page.locator("[data-kept]")).to_have_count(50)
    took = page.evaluate(
        """async () => {
            const took = [];
            for (const shown of ['Calls 301 to 350', 'Calls 351 to 400', 'Calls 401 to 450']) {
                const began = performance.now();
                [...document.querySelectorAll('nav button')].at(-1).click();
                while (!document.body.innerText.includes(shown)) await new Promise(requestAnimationFrame);
                took.push(performance.now() - began);
            }
            return Math.min(...took);
        }"""
    )
    assert took < 1000, f"the quickest of three pages took {took:.0f} ms"
    page.get_by_role("button", name="Newer").click()
    expect(page.get_by_text("Calls 351 to 400")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_an_opened_call(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path, scheme: Any
) -> None:
    """WCAG 2.2 A and AA, in light and in dark; and nothing is wider than a small telephone."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: (cd page && npm ci)")
    here = gateway(keeps=True, data_dir=tmp_path)
    call = keep(here)
    page = history(visit, here, color_scheme=scheme, record=True, viewport={"width": 360, "height": 640})
    opened(page, call)
    page.get_by_role("button", name="latency breakdown").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })")
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found["violations"]] == []
