"""Voices are heard and compared before a call has one."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.page_checks import until
from tests.browser.test_panels import OpenControl, control, html, panel, press

__all__ = ["control", "html"]
pytestmark = pytest.mark.browser

HEARD = """
window.heard = [];
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () { heard.push(this); return play.call(this); };
"""


def test_two_voices_say_the_same_and_one_is_chosen_for_calls(control: OpenControl, visit: OpenPage) -> None:
    """Each says what is written; the second begins where the first one stops; the choice goes to the call's chips."""
    there = control()
    page = panel(visit, there, "Engines", script=HEARD)
    page.get_by_label("Text to say").fill("Good evening.")
    press(page, "Play voice A")
    expect(page.get_by_text("0.6 s of speech, synthesized in")).to_have_count(1)
    page.get_by_label("Voice A", exact=True).select_option(label="espeak")
    page.get_by_label("Voice B", exact=True).select_option(label="piper")
    press(page, "Play voice B")
    expect(page.get_by_text("0.6 s of speech, synthesized in")).to_have_count(2)
    until(page, "heard.length === 2 && heard.every(one => one.duration > 0.5)")
    assert page.evaluate("heard[0].paused")
    spoken = there.do(lambda: [there.voices[name].spoken for name in ("espeak", "piper")])
    assert spoken == [["Good evening."], ["Good evening."]]
    page.get_by_role("button", name="Use for calls from this browser: voice B").click()
    expect(page.locator("[data-role=tts] input[value=piper]")).to_be_checked()


def test_a_voice_that_fails_says_so_beside_its_button(control: OpenControl, visit: OpenPage) -> None:
    """No other voice speaks in its place; without words nothing can be said."""
    there = control()
    there.voices["espeak"].fails = 9
    page = panel(visit, there, "Engines")
    press(page, "Play voice A")
    expect(page.locator(".sample .trouble")).to_contain_text("the scripted TTS was told to fail")
    page.get_by_label("Text to say").fill(" ")
    expect(page.get_by_role("button", name="Play voice A")).to_be_disabled()
