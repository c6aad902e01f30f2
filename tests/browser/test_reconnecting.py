"""The network goes and comes back in mid-call: the page reconnects by itself, and nothing is said twice."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.page_checks import answered, phase, played_out, said, until
from tests.browser.test_page import LONG, problem, type_in

pytestmark = pytest.mark.browser


def kinds(events: str) -> str:
    return f"tap.events.filter(e => e.type === '{events}').length"


@pytest.mark.parametrize("offline", [True, False], ids=["offline", "connection broken"])
def test_a_break_in_mid_answer_is_mended(gateway: OpenGateway, visit: OpenPage, offline: bool) -> None:
    """It says so meanwhile; then the answer goes on, once, and the call is one call."""
    one = gateway(answers=[LONG])
    page = visit(one.url, record=True)
    type_in(page, "When?")
    phase(page, "speaking")
    until(page, f"{kinds('agent_words')} >= 3")
    if offline:
        page.context.set_offline(True)
        expect(page.locator("#state")).to_have_text("Reconnecting…")
        expect(page.get_by_text("The call waits")).to_be_visible()
        page.context.set_offline(False)
    else:
        one.hang_up_on_everyone()
    until(page, f"{kinds('reconnected')} >= 1")
    answered(page)
    assert said(page) == [("You", "When?"), ("Agent", LONG)]
    began, ended = played_out(page).sounding()
    assert ended - began >= len(LONG.split()) * 0.3 - 0.35
    assert one.gateway.calls == 1
    expect(page.locator("#problem")).to_be_empty()


def test_away_for_too_long_the_call_ends_in_words(gateway: OpenGateway, visit: OpenPage) -> None:
    """After the seconds that the call waits."""
    one = gateway(resume_s=1)
    page = visit(one.url)
    page.click("#talk")
    phase(page, "listening")
    page.context.set_offline(True)
    phase(page, "ended")
    problem(page, "Connection lost", "press Start call")
    page.context.set_offline(False)
