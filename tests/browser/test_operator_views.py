"""The operator's views, control by control: what one press or one choice does there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from lineside.protocol import Transcript, TurnEnded
from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.control_fixtures import ControlGateway, ScriptedCall
from tests.browser.page_checks import TWICE
from tests.browser.test_history import keep
from tests.browser.test_panels import OpenControl, control, html, panel, press, thing

__all__ = ["control", "html"]
pytestmark = pytest.mark.browser


# ── links ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_links_below_every_view_lead_to_the_api_and_the_metrics(gateway: OpenGateway, visit: OpenPage) -> None:
    """Each of them answers."""
    page = visit(f"{gateway().url}/#/settings")
    for name in ("API reference", "OpenAPI", "Raw metrics"):
        href = page.get_by_role("link", name=name).get_attribute("href")
        assert page.request.get(f"{page.url.split('#')[0]}{href}").ok, name


def test_with_a_key_the_same_links_work(gateway: OpenGateway, visit: OpenPage) -> None:
    """A link carries no key: the documents are open to all, and the page fetches the metrics itself."""
    given = "sessionStorage.setItem('lineside key', 'secret')"
    page = visit(f"{gateway(api_keys='secret').url}/#/settings", script=given)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as Raw metrics").click()
    assert saved.value.suggested_filename == "metrics.txt"
    assert "# TYPE lineside_calls" in saved.value.path().read_text()
    for name, words in (("API reference", "The control API"), ("OpenAPI", "openapi")):
        page.get_by_role("link", name=name).click()
        expect(page.locator("body")).to_contain_text(words)
        page.go_back()


def test_the_links_of_the_call_view_lead_into_the_dashboard(gateway: OpenGateway, visit: OpenPage) -> None:
    """To the agent that answers, and to the machine that it runs on."""
    page = visit(gateway().url)
    page.get_by_role("link", name="Edit the agent").click()
    expect(page.get_by_role("heading", name="Agent", exact=True)).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="System").click()
    expect(page.get_by_role("heading", name="System", exact=True)).to_be_visible()


# ── live calls ─────────────────────────────────────────────────────────────────────────────────────────────────────


def called(there: ControlGateway, words: str) -> ScriptedCall:
    call: ScriptedCall = there.do(lambda: ScriptedCall(there.calls))
    there.tell(call, Transcript(at=1, turn=1, text=words, latency_ms=180))
    return call


def test_several_calls_are_monitored_side_by_side_and_survive_a_reload(control: OpenControl, visit: OpenPage) -> None:
    """Their transcripts stand beside each other; the address names them; each is closed by itself."""
    there = control()
    first, second = called(there, "When are you open?"), called(there, "Where is my parcel?")
    page = panel(visit, there, "Live calls")
    for call in (first, second):
        thing(page, call.slot.id, "call").get_by_role("button", name="Monitor").click()
    page.reload()
    expect(page.get_by_label(f"Transcript of call {first.slot.id[:8]}")).to_contain_text("When are you open?")
    expect(page.get_by_label(f"Transcript of call {second.slot.id[:8]}")).to_contain_text("Where is my parcel?")
    press(page, f"Close the transcript of call {first.slot.id[:8]}")
    expect(page.get_by_label(f"Transcript of call {first.slot.id[:8]}")).to_have_count(0)
    thing(page, second.slot.id, "call").get_by_role("button", name="Stop").click()
    expect(page.locator(".follow")).to_have_count(0)


def test_a_caller_who_waits_too_long_alarms(control: OpenControl, visit: OpenPage) -> None:
    """In words and in colour, while the call thinks."""
    there = control()
    call = called(there, "When are you open?")
    there.tell(call, TurnEnded(at=2, turn=1))
    page = panel(visit, there, "Live calls")
    row = thing(page, call.slot.id, "call")
    expect(row).to_contain_text("Thinking for")
    expect(row).to_have_attribute("data-alarm", "warn")
    expect(row).to_have_attribute("data-alarm", "bad")
    expect(row).to_contain_text("The caller waits for")


# ── history ────────────────────────────────────────────────────────────────────────────────────────────────────────

NARROWS = {
    "Caller": ("+15550100", "nobody"),
    "Agent": ("Test", "Somebody else"),
    "Line": ("browser", "sip"),
    "From": ("2020-01-01", "2090-01-01"),
    "To": ("2090-01-01", "2020-01-01"),
    "At least (s)": ("0", "5000"),
    "At most (s)": ("5000", "0"),
    "Slower than (ms)": ("1", "90000"),
}


def test_each_filter_of_the_history_narrows_it_and_stands_in_the_address(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path
) -> None:
    """One value that fits and one that does not; Clear takes all of them away; Back gives them back."""
    here = gateway(keeps=True, data_dir=tmp_path)
    keep(here)
    page = visit(f"{here.url}/#/history")
    rows = page.locator("[data-kept]")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("“When are you open?”")
    expect(rows).to_contain_text("slowest response")
    page.get_by_text("Filters", exact=True).click()
    for name, (fits, other) in NARROWS.items():
        field = page.get_by_label(name, exact=True)
        field.fill(other)
        field.press("Tab")
        expect(page.get_by_text("No matching calls.")).to_be_visible()
        page.get_by_label(name, exact=True).fill(fits)
        page.get_by_label(name, exact=True).press("Tab")
        expect(page.get_by_text("Calls 1 to 1 of 1")).to_be_visible()
        page.get_by_role("button", name="Clear").click()
        expect(page.get_by_role("button", name="Clear")).to_be_disabled()
    page.get_by_label("Ended").select_option(label="connection lost")
    expect(page.get_by_text("No matching calls.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("No matching calls.")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Recording").select_option(label="Not recorded")
    expect(page.get_by_text("No matching calls.")).to_be_visible()
    page.go_back()
    expect(rows).to_have_count(1)


# ── engines ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_turn_detection_and_an_own_greeting_go_with_the_call(gateway: OpenGateway, visit: OpenPage) -> None:
    """What is chosen under Engines stands in the first message."""
    page = visit(f"{gateway().url}/#/engines")
    page.get_by_label("Turn detection", exact=True).select_option("patient")
    page.get_by_role("textbox", name="Voice of the default").fill("low")
    page.get_by_role("textbox", name="Model of the default").fill("small")
    page.get_by_label("Override greeting").check()
    page.get_by_role("textbox", name="Override greeting").fill("Good evening.")
    page.get_by_role("link", name="Call", exact=True).click()
    page.click("#talk")
    page.wait_for_selector("body[data-phase=speaking]")
    first = page.evaluate("tap.said[0]")
    assert (first["turn_profile"], first["greeting"]) == ("patient", "Good evening.")
    assert (first["tts_voice"], first["llm_model"]) == ("low", "small")
    expect(page.locator("#lines .agent")).to_contain_text("Good evening.")


def test_models_are_shown_for_one_role(control: OpenControl, visit: OpenPage) -> None:
    """The others leave the list."""
    page = panel(visit, control(), "Engines")
    models = page.locator("[data-model]")
    expect(models.first).to_be_visible()
    every = models.count()
    folded = page.locator("details.absent").first
    expect(folded).not_to_have_attribute("open", re.compile(""))
    folded.locator("summary").click()
    expect(folded.locator("[data-model]").first).to_be_visible()
    page.get_by_label("Show models for").select_option("llm")
    expect(page.get_by_role("heading", name="Speech to text (STT)")).to_have_count(0)
    assert 0 < models.count() < every


# ── services, settings ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_service_that_is_not_installed_cannot_be_started(control: OpenControl, visit: OpenPage) -> None:
    """The reason stands there once, its models say that they are not downloaded; once installed, it can be started."""
    there = control()
    why = "whisper-server is not installed. Build it for this machine."
    there.do(lambda: there.host._put("whisper-server", why=why, models=("faster-whisper-tiny.en", "other")))
    page = panel(visit, there, "Services")
    row = page.locator('[data-service="whisper-server"]')
    expect(row.get_by_role("button", name="Start whisper-server")).to_be_disabled()
    expect(row.get_by_text(why)).to_have_count(1)
    options = row.get_by_role("combobox").locator("option")
    expect(options).to_have_text(["faster-whisper-tiny.en (not downloaded)", "other"])
    there.do(lambda: there.host._put("whisper-server", why=""))
    expect(row.get_by_role("button", name="Start whisper-server")).to_be_enabled()


def test_a_log_is_shown_and_hidden(control: OpenControl, visit: OpenPage) -> None:
    """In the row of its service."""
    page = panel(visit, control(), "Services")
    row = thing(page, "whisper-server", "service")
    row.get_by_role("button", name="Log of whisper-server").click()
    expect(row).to_contain_text("whisper-server listens")
    row.get_by_role("button", name="Hide log of whisper-server").click()
    expect(row).not_to_contain_text("whisper-server listens")


def test_settings_that_differ_from_the_defaults_are_shown_alone(control: OpenControl, visit: OpenPage) -> None:
    """And values are written as in .env."""
    page = panel(visit, control(), "Settings")
    every = page.get_by_text(re.compile(r"^\d+ of \d+ settings$"))
    expect(every).to_be_visible()
    expect(page.locator('[data-setting="KEEP_CALLS"]')).to_contain_text("true")
    before = page.locator("[data-setting]").count()
    page.get_by_label("Only what differs from the defaults").check()
    assert page.locator("[data-setting]").count() < before


# ── the agent ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_draft_survives_a_reload(control: OpenControl, visit: OpenPage) -> None:
    """What was written and not saved is there again, and is said to be unsaved."""
    page = panel(visit, control(), "Agent")
    page.get_by_role("textbox", name="Prompt", exact=True).fill("You answer for a bakery.")
    page.reload()
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("You answer for a bakery.")
    expect(page.get_by_text("Changed, not saved.")).to_be_visible()


def test_what_is_typed_during_a_save_is_not_lost(control: OpenControl, visit: OpenPage) -> None:
    """The save takes a second; the words that came meanwhile are a change of what was saved."""
    there = control()
    page = panel(visit, there, "Agent")
    field = page.get_by_role("textbox", name="Prompt", exact=True)
    field.fill("One.")
    held: list[Callable[[], None]] = []
    page.route("**/api/agent?*", lambda route: held.append(route.continue_))
    press(page, "Save")
    expect(page.get_by_text("Saving …")).to_be_visible()
    field.fill("One. Two.")
    held[0]()
    expect(page.get_by_text("Changed, not saved.")).to_be_visible()
    expect(field).to_have_value("One. Two.")
    assert there.do(there.agents.agent).prompt == "One."


@pytest.mark.parametrize("mine", [True, False])
def test_the_second_of_two_who_save_one_agent_is_told(control: OpenControl, visit: OpenPage, *, mine: bool) -> None:
    """They see what the other one changed, and choose whose words count."""
    there = control()
    first, second = panel(visit, there, "Agent"), panel(visit, there, "Agent")
    for page, words in ((first, "Mine."), (second, "Yours.")):
        page.get_by_role("textbox", name="Prompt", exact=True).fill(words)
    press(first, "Save")
    expect(first.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    press(second, "Save")
    told = second.get_by_role("region", name="Saved by somebody else")
    expect(told.locator("del")).to_have_text("Mine.")
    expect(told.locator("ins")).to_have_text("Yours.")
    assert there.do(there.agents.agent).prompt == "Mine."
    if mine:
        press(second, "Keep mine, overwrite theirs at the next save")
        press(second, "Save")
        expect(second.get_by_text("Saved. Applies to new calls.")).to_be_visible()
        assert there.do(there.agents.agent).prompt == "Yours."
    else:
        press(second, "Discard mine, take theirs")
        expect(second.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("Mine.")


def test_an_older_version_is_compared_and_taken_back(control: OpenControl, visit: OpenPage) -> None:
    """The file's version too: it is loaded into the editor, and saved from there."""
    there = control()
    page = panel(visit, there, "Agent")
    field = page.get_by_role("textbox", name="Prompt", exact=True)
    own = field.input_value()
    field.fill("You answer for a bakery.")
    press(page, "Save")
    expect(page.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    page.get_by_text(re.compile(r"^Versions \(")).click()
    page.get_by_role("button", name=re.compile("^Compare")).last.click()
    expect(page.locator(".versions ins")).to_have_text("You answer for a bakery.")
    page.get_by_role("button", name=re.compile(r"^Load version \d+")).first.click()
    expect(field).to_have_value("You answer for a bakery.")
    page.get_by_role("button", name=re.compile("^Load the file's version")).click()
    expect(field).to_have_value(own)
    press(page, "Save")
    expect(page.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    assert there.do(there.agents.agent).prompt == own


PASTE = """(field) => {
  const data = new DataTransfer();
  data.setData('text/plain', 'router: Yes.\\n\\nbills: On the first.\\n');
  field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def test_facts_are_pasted_removed_and_refused_in_their_line(control: OpenControl, visit: OpenPage) -> None:
    """Each pasted line is a fact; one that is too long is marked; how much a model reads stands below."""
    there = control()
    page = panel(visit, there, "Agent")
    press(page, "Add a fact")
    page.get_by_label("Fact 1", exact=True).evaluate(PASTE)
    expect(page.get_by_label("Fact 2", exact=True)).to_have_value("bills: On the first.")
    expect(page.get_by_label("Fact 2", exact=True)).to_be_focused()
    expect(page.get_by_text(re.compile(r"about \d+ tokens before a call's first words"))).to_be_visible()
    page.get_by_label("Fact 2", exact=True).fill("x" * 2001)
    press(page, "Save")
    expect(page.get_by_text("This is 1 characters too long: 2,000 at most.")).to_be_visible()
    expect(page.get_by_label("Fact 2", exact=True)).to_be_focused()
    press(page, "Remove fact 2")
    press(page, "Save")
    expect(page.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    assert there.do(there.agents.agent).facts == ("router: Yes.",)


def test_language_and_hours_are_saved_and_lines_that_are_none_are_named(control: OpenControl, visit: OpenPage) -> None:
    """What the gateway refuses stands at the field that it names."""
    there = control()
    page = panel(visit, there, "Agent")
    page.get_by_label("Opening hours").fill("mon-fri = 9:00-17:30\nwhenever")
    page.get_by_label("Language", exact=True).fill("de")
    expect(page.get_by_text("No opening hours: “whenever”")).to_be_visible()
    page.get_by_label("Opening hours").fill("mon-fri = 9:00-17:30\n2026-12-25 = closed")
    page.get_by_label("Dates as in").fill("de-AT")
    page.get_by_label("Time zone").fill("Europe/Vienna")
    press(page, "Save")
    expect(page.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    kept = there.do(there.agents.agent)
    assert (kept.language, kept.locale, kept.timezone) == ("de", "de-AT", "Europe/Vienna")
    assert kept.hours == {"mon-fri": "9:00-17:30", "2026-12-25": "closed"}
    refusal = {"error": {"code": "not_changed", "message": 'timezone = "Mars" is not known; write one such as "UTC"'}}
    page.route("**/api/agent?*", lambda route: route.fulfill(status=409, json=refusal))
    page.get_by_label("Time zone").fill("Mars")
    press(page, "Save")
    expect(page.get_by_label("Time zone")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Time zone")).to_be_focused()
    page.get_by_label("Time zone").fill("UTC")
    expect(page.get_by_label("Time zone")).not_to_have_attribute("aria-invalid", "true")


def test_a_test_call_is_answered_by_what_is_written_and_not_saved(gateway: OpenGateway, visit: OpenPage) -> None:
    """The draft greets; the agent that answers everybody else is as it was; a chip says so, and takes it back."""
    page = visit(f"{gateway().url}/#/agent")
    page.get_by_role("textbox", name="Greeting").fill("Good morning, this is the draft.")
    press(page, "Test call with what is written here")
    expect(page.locator("#lines .agent")).to_contain_text("Good morning, this is the draft.")
    assert page.evaluate("tap.said[0].draft.length") > 10
    assert page.request.get(f"{page.url.split('#')[0]}api/agent").json()["greeting"] == ""
    page.wait_for_timeout(TWICE)
    page.click("#talk")
    press(page, "Remove Test call: the draft answers")
    expect(page.get_by_text("Test call: the draft answers")).to_have_count(0)


def test_every_field_of_the_agent_is_saved_and_an_example_removed(control: OpenControl, visit: OpenPage) -> None:
    """What was written where."""
    there = control()
    page = panel(visit, there, "Agent")
    written = {
        "Agent name": "Bakery",
        "Greeting": "Good morning.",
        "Transfer message": "One moment.",
        "Silence prompt": "Hello?",
        "Goodbye before hanging up": "Goodbye.",
    }
    for label, words in written.items():
        page.get_by_label(label).fill(words)
    press(page, "Add an example")
    press(page, "Remove example 1")
    expect(page.get_by_label("Example 1: the caller asks")).to_have_count(0)
    press(page, "Save")
    expect(page.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    kept = there.do(there.agents.agent)
    assert (kept.name, kept.greeting, kept.transfer, kept.reprompt, kept.goodbye) == tuple(written.values())
