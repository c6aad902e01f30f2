"""A rehearsal from the page: started, followed, cancelled, and its report read."""

import re

import pytest
from playwright.sync_api import expect

from lineside.agents.agent import load_agent
from tests.browser.conftest import OpenPage
from tests.browser.control_fixtures import ControlGateway
from tests.browser.test_panels import OpenControl, control, html, panel, press
from tests.call.fixtures import settings

__all__ = ["control", "html"]
pytestmark = pytest.mark.browser
WHOLE = 120_000  # milliseconds; a rehearsal gives way to everything else on the machine


def with_demonstration(control: OpenControl) -> ControlGateway:
    """A gateway whose agent is the demonstration's, which has scenarios."""
    there = control()
    there.do(lambda: there.agents.change(load_agent(settings().agent_file)))
    return there


def test_the_agent_is_rehearsed_and_its_report_read(control: OpenControl, visit: OpenPage) -> None:
    """Every scenario passes; its transcript is there to be read; another view meanwhile loses nothing."""
    page = panel(visit, with_demonstration(control), "Rehearsals")
    press(page, "Start the rehearsal")
    expect(page.get_by_role("button", name="Cancel the rehearsal")).to_be_visible()
    page.get_by_role("tab", name="Settings").click()
    page.get_by_role("tab", name="Rehearsals").click()
    finished = re.compile(r"Finished: 8 scenarios, 8 of 8 calls passed \(100 %\)")
    expect(page.get_by_text(finished)).to_be_visible(timeout=WHOLE)
    visit_ = page.locator('[data-scenario="books a visit"]')
    visit_.get_by_text("Transcript").click()
    expect(visit_).to_contain_text("Your reference is")
    page.get_by_role("link", name="Edit the agent").click()
    expect(page.get_by_label("Agent name")).to_be_visible()


def test_a_draft_is_rehearsed_and_what_went_wrong_is_named(control: OpenControl, visit: OpenPage) -> None:
    """From the editor, unsaved: one scenario, twice, goes wrong in words; nothing is saved."""
    there = with_demonstration(control)
    page = panel(visit, there, "Agent")
    page.get_by_role("link", name="File (TOML)").click()
    field = page.get_by_label("Agent file (TOML)")
    expect(field).to_have_value(re.compile("That's booked"))
    field.fill(field.input_value().replace("That's booked.", "All right."))
    expect(page.get_by_text("Changed, not saved.")).to_be_visible()
    page.get_by_role("link", name="Rehearse", exact=True).click()
    expect(page.get_by_label("Agent", exact=True)).to_have_value("draft")
    page.get_by_label("Scenarios", exact=True).select_option("books a visit")
    page.get_by_label("Calls of each").select_option("2")
    press(page, "Start the rehearsal")
    expect(page.get_by_text("Finished: 1 scenario, 0 of 2 calls passed (0 %)")).to_be_visible(timeout=WHOLE)
    expect(page.get_by_text("Not said: booked")).to_be_visible()
    assert "That's booked" in str(there.do(there.agents.agent).tasks["visit"])
    page.get_by_label("Agent", exact=True).select_option("")
    press(page, "Start the rehearsal")
    expect(page.get_by_text("Finished: 1 scenario, 2 of 2 calls passed (100 %)")).to_be_visible(timeout=WHOLE)


def test_a_rehearsal_is_cancelled_and_keeps_what_it_found(control: OpenControl, visit: OpenPage) -> None:
    """And another may begin."""
    page = panel(visit, with_demonstration(control), "Rehearsals")
    page.get_by_label("Calls of each").select_option("8")
    press(page, "Start the rehearsal")
    press(page, "Cancel the rehearsal")
    expect(page.get_by_text(re.compile("^Cancelled: "))).to_be_visible()
    expect(page.get_by_role("button", name="Start the rehearsal")).to_be_enabled()
