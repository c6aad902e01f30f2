"""What each engine lacks and who stands in for it is seen where one chooses; what is missing is fetched there."""

from functools import partial

import pytest
from playwright.sync_api import expect

from lineside.errors import ModelMissing
from lineside.observability.standing_alert import StandingAlert
from lineside.protocol import AnsweredBy, ReplyMetrics
from tests.browser.conftest import OpenPage
from tests.browser.test_panels import OpenControl, control, html, panel

__all__ = ["control", "html"]
pytestmark = pytest.mark.browser

TINY = "faster-whisper-tiny.en"
SLOW = AnsweredBy("piper", "en_US-joe-medium", "espeak", "too slow")


def test_an_engine_says_what_it_lacks_and_who_stands_in_for_it(control: OpenControl, visit: OpenPage) -> None:
    """No model, no key, too slow: each beside its own choice, and what can be downloaded is, with one button."""
    there = control()
    lacks = ModelMissing(f"not downloaded: lineside models pull {TINY}", model=TINY)
    there.do(partial(setattr, there.ollama, "fault", lacks))
    there.do(partial(there.fallbacks.note, ReplyMetrics(at=1.0, turn=1, engines={"tts": SLOW})))
    page = panel(visit, there, "Engines")
    llm, tts = (page.locator(f"[data-role={role}]") for role in ("llm", "tts"))
    expect(llm).to_contain_text(f"{TINY}: not downloaded")
    expect(llm).to_contain_text("qwen2.5-coder-0.5b answers in its place")
    expect(tts).to_contain_text("ago espeak was too slow, en_US-joe-medium answered")
    expect(tts.get_by_label("Not set up: Voice (TTS)")).to_contain_text("elevenlabs: no key")
    expect(tts).to_contain_text("set ELEVENLABS_API_KEY and restart")

    page.get_by_role("button", name=f"Download {TINY} for this engine").click()
    busy = page.get_by_role("button", name=f"Download {TINY} for this engine")
    expect(busy).to_have_text("Downloading")
    there.let(0, done=True)
    there.do(partial(setattr, there.ollama, "fault", None))
    expect(page.locator(f'[data-model="{TINY}"]')).not_to_contain_text("Not downloaded")
    expect(busy).to_have_count(0)


def test_a_download_that_is_refused_says_so_beside_the_engine(control: OpenControl, visit: OpenPage) -> None:
    """With the reason, and the button is there for another try."""
    there = control()
    lacks = ModelMissing(f"not downloaded: lineside models pull {TINY}", model=TINY)
    there.do(partial(setattr, there.ollama, "fault", lacks))
    page = panel(visit, there, "Engines")
    there.let("the disk is full: 40 MB are needed")
    page.get_by_role("button", name=f"Download {TINY} for this engine").click()
    expect(page.locator("[data-role=llm] [role=alert]")).to_contain_text("the disk is full")
    expect(page.get_by_role("button", name=f"Download {TINY} for this engine")).to_have_text("Download")


def test_what_is_wrong_with_the_gateway_is_told_in_every_view(control: OpenControl, visit: OpenPage) -> None:
    """How many alerts stand, each with its words and since when; nothing where nothing is wrong."""
    there = control()
    page = visit(f"{there.url}/#/agent")
    expect(page.get_by_label("Agent name")).to_be_visible()
    expect(page.locator(".alerts summary")).to_have_count(0)
    full = StandingAlert("call records: the disk is full", 1_796_137_391.0)
    there.do(partial(setattr, there, "alerts", (full, StandingAlert("responses are slow", 1_796_137_400.0))))
    page.goto(f"{there.url}/#/history")
    page.reload()
    page.locator(".alerts summary").click()
    expect(page.locator(".alerts li")).to_have_count(2)
    expect(page.locator(".alerts")).to_contain_text("2 alerts")
    expect(page.locator(".alerts li").first).to_contain_text("call records: the disk is full since")
    page.get_by_role("link", name="Call", exact=True).click()
    expect(page.locator(".alerts summary")).to_be_visible()
