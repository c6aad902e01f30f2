"""Looking at the page while a call is on it."""

import time

from playwright.sync_api import Page

from tests.browser.conftest import PATIENCE
from tests.browser.sounds import LOUD, Played, played

TWICE = 550  # milliseconds; a press sooner than that after another one is half of a double click


def press_again(page: Page) -> None:
    """Start or end a call, not as the second half of a double click."""
    page.wait_for_timeout(TWICE)
    page.click("#talk")


def phase(page: Page, name: str) -> None:
    """Wait until the call stands so."""
    page.wait_for_selector(f"body[data-phase={name}]")


def until(page: Page, truth: str, seconds: float = PATIENCE / 1000) -> None:
    """Wait until this is so in the page. Playwright's `wait_for_function` needs the eval that our policy forbids."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(truth):
        assert time.monotonic() < deadline, (
            f"not so after {seconds:g} s: {truth}; the page says: {page.inner_text('body')}"
        )
        page.wait_for_timeout(10)


def answered(page: Page, times: int = 1) -> None:
    """Wait until so many answers have been given whole: a call that has just begun listens too."""
    until(page, f"tap.events.filter(e => e.type === 'reply_metrics').length >= {times}")
    phase(page, "listening")


def played_out(page: Page) -> Played:
    """All that the page has played, once its loudspeaker is silent: it is behind the call, which listens sooner."""
    until(page, f"tap.quiet(0.2, {LOUD / 32768})")
    return played(page)


def said(page: Page) -> list[tuple[str, str]]:
    """The conversation as it stands on the page."""
    return [
        (row.locator(".who").inner_text(), row.locator(".text:not(.filler)").inner_text())
        for row in page.locator("#lines > li").all()
    ]
