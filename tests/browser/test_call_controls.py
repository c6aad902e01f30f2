"""The controls of a call: what one press, one key and one choice do, and what is lost by none of them."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.page_checks import TWICE, answered, phase, press_again, said, until
from tests.browser.test_page import type_in

pytestmark = pytest.mark.browser


def test_the_space_bar_calls_after_a_click_into_the_conversation(gateway: OpenGateway, visit: OpenPage) -> None:
    """Most of the page is the conversation: a click into it takes nothing away."""
    page = visit(gateway().url)
    page.locator("#conversation").click(position={"x": 5, "y": 60})
    page.keyboard.press("Space")
    phase(page, "listening")
    page.wait_for_timeout(TWICE)
    page.keyboard.press("Space")
    phase(page, "ended")


def test_the_space_bar_calls_after_a_box_was_ticked_by_mouse_and_ticks_it_by_keyboard(
    gateway: OpenGateway, visit: OpenPage
) -> None:
    """By keyboard the box keeps its key."""
    page = visit(gateway().url)
    page.check("#telephone")
    page.keyboard.press("Space")
    phase(page, "listening")
    expect(page.locator("#telephone")).to_be_checked()
    page.keyboard.press("Shift+Tab")
    page.focus("#telephone")
    page.keyboard.press("Space")
    expect(page.locator("#telephone")).not_to_be_checked()
    phase(page, "listening")


def test_a_double_click_starts_one_call(gateway: OpenGateway, visit: OpenPage) -> None:
    """The second half of it ends nothing."""
    one = gateway()
    page = visit(one.url)
    page.dblclick("#talk")
    phase(page, "listening")
    page.wait_for_timeout(TWICE)
    expect(page.locator("#state")).to_have_text("Listening")
    assert one.gateway.calls == 1


def test_a_reload_in_mid_call_hangs_up_and_the_next_call_is_answered(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path
) -> None:
    """Its place is free at once, as after End call, and does not wait for somebody to come back."""
    one = gateway(max_concurrent_calls=1, keeps=True, data_dir=tmp_path)
    page = visit(one.url)
    page.click("#talk")
    phase(page, "listening")
    page.reload()
    phase(page, "ready")
    expect(page.locator("#problem")).to_be_empty()
    type_in(page, "When?")
    answered(page)
    assert one.gateway.calls == 1
    page.goto(f"{one.url}/#/history")
    expect(page.locator("[data-kept]").filter(has_text="the caller hung up")).to_have_count(1)


def test_what_was_chosen_stands_beside_the_button_and_is_taken_back(gateway: OpenGateway, visit: OpenPage) -> None:
    """A colleague sees why the agent answers otherwise; one press takes one choice back, another all of them."""
    page = visit(f"{gateway().url}/#/engines")
    page.get_by_label("Override system prompt").check()
    expect(page.get_by_text("This prompt is empty")).to_be_visible()
    page.get_by_role("textbox", name="Override system prompt").fill("Be brief.")
    expect(page.get_by_text("This prompt is empty")).to_have_count(0)
    page.get_by_role("radio", name="Phone quality").check()
    page.get_by_role("link", name="Call", exact=True).click()
    chosen = page.get_by_role("list", name="Choices for the next call")
    expect(chosen.get_by_role("button")).to_have_count(3)
    page.get_by_role("button", name="Remove Phone quality (8 kHz)").click()
    expect(page.locator("#telephone")).not_to_be_checked()
    page.get_by_role("button", name="Reset to defaults").click()
    expect(chosen).to_have_count(0)
    page.click("#talk")
    phase(page, "listening")
    assert "system_prompt" not in page.evaluate("tap.said[0]")


def test_the_test_call_says_who_calls_and_whether_it_is_recorded(gateway: OpenGateway, visit: OpenPage) -> None:
    """Both stand in the first message, and beside the button."""
    page = visit(gateway().url)
    page.get_by_label("Recording").select_option("true")
    page.get_by_label("Caller").fill("+1 555 0100")
    page.get_by_label("Caller").press("Tab")
    expect(page.get_by_role("button", name="Remove Caller: +1 555 0100")).to_be_visible()
    page.click("#talk")
    phase(page, "listening")
    first = page.evaluate("tap.said[0]")
    assert (first["caller"], first["record"]) == ("+1 555 0100", True)


def test_an_engine_is_chosen_where_one_calls(gateway: OpenGateway, visit: OpenPage) -> None:
    """And the card says what the machine has; engines for tests are not offered."""
    page = visit(gateway().url)
    for role in ("STT", "LLM", "Voice"):
        field = page.locator("#next-call").get_by_label(role, exact=True)
        expect(field).to_be_visible()
        names = field.locator("option").all_inner_texts()
        assert "scripted" not in names
        field.select_option(label=names[1])
        expect(page.get_by_role("button", name=f"Remove {role}")).to_be_visible()
    expect(page.locator(".glance")).to_contain_text("RAM:")


def test_a_call_is_muted_and_ended_from_any_view(gateway: OpenGateway, visit: OpenPage) -> None:
    """State, clock and both buttons go along; the call view shows the same."""
    page = visit(gateway().url)
    page.click("#talk")
    phase(page, "listening")
    page.get_by_role("link", name="Dashboard").click()
    bar = page.locator("header .state")
    expect(bar).to_contain_text("Listening")
    expect(page.get_by_role("timer")).to_have_text("0:01")
    expect(page.get_by_role("timer")).to_have_text("0:03")
    bar.get_by_role("button", name="Mute").click()
    expect(bar.get_by_role("button", name="Unmute")).to_have_attribute("aria-pressed", "true")
    bar.get_by_role("button", name="Unmute").click()
    page.wait_for_timeout(TWICE)
    bar.get_by_role("button", name="End call").click()
    phase(page, "ended")
    expect(bar.get_by_role("button")).to_have_count(0)


def test_a_call_that_ended_says_why_and_how_long_and_is_one_press_away(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path
) -> None:
    """The link opens the kept call, though it has only just ended."""
    page = visit(gateway(keeps=True, data_dir=tmp_path).url)
    type_in(page, "When?")
    answered(page)
    press_again(page)
    expect(page.locator(".after")).to_contain_text("Call ended: you hung up · 0:0")
    page.get_by_role("link", name="Open in call history").click()
    expect(page.locator(".kept-turns")).to_contain_text("We are open.")


def test_the_conversation_before_is_kept_in_the_tab(gateway: OpenGateway, visit: OpenPage) -> None:
    """A new call, however it is begun, loses nothing; what is saved is what is shown."""
    page = visit(gateway(answers=["From nine.", "Until six."]).url)
    type_in(page, "When do you open?")
    answered(page)
    press_again(page)
    type_in(page, "And until when?")
    answered(page)
    assert said(page)[0] == ("You", "And until when?")
    page.get_by_role("button", name="Show the previous call").click()
    assert said(page)[0] == ("You", "When do you open?")
    page.get_by_role("button", name="Back to the newest call").click()
    assert said(page)[0] == ("You", "And until when?")


def test_before_a_call_one_sees_who_answers_and_what_to_ask(gateway: OpenGateway, visit: OpenPage) -> None:
    """The agent's name and its greeting; the example questions are asked by a press."""
    page = visit(gateway(greeting="Good morning.", asks=("When do you open?",)).url)
    expect(page.locator("#empty")).to_contain_text("Test answers.")
    expect(page.locator("#empty")).to_contain_text("Good morning.")
    page.get_by_role("button", name="When do you open?").click()
    answered(page)
    assert said(page)[0] == ("You", "When do you open?")


def interrupt(page: Page) -> None:
    page.evaluate("() => { tap.context.suspend(); }")


def test_sound_that_the_system_takes_comes_back_by_itself(gateway: OpenGateway, visit: OpenPage) -> None:
    """Where the browser lets the page, nobody has to press anything."""
    page = visit(gateway().url)
    page.click("#talk")
    phase(page, "listening")
    interrupt(page)
    until(page, "tap.context.state === 'running'")
    expect(page.locator(".interrupted")).to_have_count(0)


def test_sound_that_stays_away_is_told_with_a_button_that_brings_it_back(gateway: OpenGateway, visit: OpenPage) -> None:
    """A browser that wants a press gets one."""
    page = visit(gateway().url)
    page.click("#talk")
    phase(page, "listening")
    page.evaluate(
        """() => {
            window.resume = AudioContext.prototype.resume;
            AudioContext.prototype.resume = () => Promise.reject(new DOMException('press', 'NotAllowedError'));
        }"""
    )
    interrupt(page)
    expect(page.locator(".interrupted")).to_contain_text("The system gives this page no sound")
    page.evaluate("() => { AudioContext.prototype.resume = window.resume; }")
    page.get_by_role("button", name="Resume sound").click()
    expect(page.locator(".interrupted")).to_have_count(0)
    phase(page, "listening")
