"""Every view of the page and every call has an address: links, Back and a reload lead where they say."""

from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.page_checks import phase, until
from tests.browser.test_history import keep, opened

pytestmark = pytest.mark.browser

VIEWS = {
    "engines": "Engines",
    "services": "Services",
    "machine": "System",
    "calls": "Live calls",
    "charts": "Metrics",
    "history": "Call history",
    "unanswered": "Unanswered questions",
    "agent": "Agent",
    "settings": "Settings",
}


def test_each_view_has_an_address_and_a_title_and_back_leads_back(gateway: OpenGateway, visit: OpenPage) -> None:
    """A tab writes its address; the address opens the tab, after a reload too; Back leaves no view out."""
    page = visit(gateway().url)
    expect(page).to_have_title("lineside")
    page.get_by_role("link", name="Dashboard").click()
    for view, title in VIEWS.items():
        page.locator(f"#tab-{view}").click()
        assert page.url.endswith(f"#/{view}")
        expect(page).to_have_title(f"{title} · lineside")
    page.go_back()
    expect(page.locator("#tab-agent")).to_have_attribute("aria-selected", "true")
    page.reload()
    expect(page.locator("#tab-agent")).to_have_attribute("aria-selected", "true")
    page.get_by_role("link", name="Call", exact=True).click()
    expect(page.locator("#talk")).to_be_visible()
    page.go_back()
    expect(page.locator("#tab-agent")).to_be_visible()


def test_the_title_says_how_the_call_stands(gateway: OpenGateway, visit: OpenPage) -> None:
    """In another tab one sees that a call is on."""
    page = visit(gateway().url)
    page.click("#talk")
    phase(page, "listening")
    expect(page).to_have_title("Listening · lineside")


def test_a_kept_call_is_sent_as_a_link_with_a_moment(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """The address opens the call, and its player stands at that second; closing gives the focus back to the row."""
    here = gateway(keeps=True, data_dir=tmp_path)
    call = keep(here)
    page = visit(f"{here.url}/#/history/{call}?t=1")
    expect(page).to_have_title(f"Call {call[:8]} · lineside")
    until(page, "document.querySelector('.kept audio')?.currentTime >= 1")
    page.get_by_role("button", name="Close the call").click()
    assert page.url.endswith("#/history")
    expect(page.locator(f'[data-kept="{call}"] a')).to_be_focused()
    opened(page, call)
    page.go_back()
    expect(page.locator("[data-open]")).to_have_count(0)


def test_the_focus_comes_back_to_a_row_that_is_drawn_after_the_call_was_closed(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path
) -> None:
    """The list is slower than the call: its head has the focus until the row is there, and the row keeps it."""
    here = gateway(keeps=True, data_dir=tmp_path)
    call = keep(here)
    page = visit(f"{here.url}/#/history/{call}")
    late: list[Route] = []
    page.route("**/api/history?*", lambda route: late.append(route))  # noqa: PLW0108 - it wants a function of its own
    page.reload()
    page.get_by_role("button", name="Close the call").click()
    expect(page.get_by_role("heading", name="Call history")).to_be_focused()
    late.pop().continue_()
    row = page.locator(f'[data-kept="{call}"] a')
    expect(row).to_be_focused()
    page.unroute("**/api/history?*")
    opened(page, call)
    page.get_by_text("Outcome, tags and note").click()
    page.locator(".call-notes").get_by_label("Outcome").fill("order placed")
    row.evaluate("row => { window.drawn = row; }")
    page.get_by_role("button", name="Save notes").click()
    expect(page.locator(f'[data-kept="{call}"]')).to_contain_text("order placed")
    assert page.evaluate("window.drawn.isConnected"), "a list that is asked for anew has drawn its rows anew"
