"""Pictures of the page in each of its states, to be looked at: small, light, in the dark, and on a very large screen.

    .venv/bin/python -m scripts.page_states FOLDER [STATE ...]

The calls are real, with a gateway in this process; its engines are scripted. `scripts/screenshot.py` takes the pictures
of the documents, with real engines.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from tests.browser.conftest import ALLOW, FLAGS, REFUSE, chromium
from tests.browser.fixtures import BrowserGateway
from tests.browser.page_checks import phase, until
from tests.browser.sounds import recording, silence, voice
from tests.browser.test_what_came_of_it import FIRST, HOURS, JOE, PHONES, keep

SIZES: dict[str, dict[str, Any]] = {
    "small": {"viewport": {"width": 360, "height": 640}},
    "light": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "dark"},
    "4k": {"viewport": {"width": 3840, "height": 2160}},
}
ANSWER = """<think> They want the hours, and how to come by. </think> We are open **from nine to six**:

- Monday to Friday, `until eight`
- on [the map](https://example.org) you see how to come by

```sh
curl https://example.org/hours
```

Is there anything else that I can do for you today, or tomorrow, or the day after that?"""


def ready(page: Page) -> None:
    page.wait_for_selector("#talk")


def speaking(page: Page) -> None:
    _type(page, "When are you open?")
    phase(page, "speaking")
    page.wait_for_timeout(1500)


def interrupted(page: Page) -> None:
    speaking(page)
    _type(page, "And on Sunday?")
    page.wait_for_selector("#lines del")
    phase(page, "speaking")
    page.locator("#lines summary").first.click()


def half_said(page: Page) -> None:
    page.click("#talk")
    page.wait_for_selector("#lines > .caller")


def measured(page: Page) -> None:
    page.click("#talk")
    until(page, "document.querySelectorAll('.bars li').length > 5")
    page.wait_for_timeout(300)


def sound_check(page: Page) -> None:
    page.click("#sound-check")
    page.wait_for_timeout(500)


def refused(page: Page) -> None:
    page.click("#talk")
    page.wait_for_selector("#problem:not(:empty)")


def engines(page: Page) -> None:
    _view(page, "engines")


def services(page: Page) -> None:
    _view(page, "services")


def system(page: Page) -> None:
    _view(page, "machine")


def metrics(page: Page) -> None:
    _view(page, "charts")


def chosen_settings(page: Page) -> None:
    _view(page, "settings")


def agent(page: Page) -> None:
    _view(page, "agent")


def history(page: Page) -> None:
    _view(page, "history")
    page.get_by_label("Select all on this page").check()


def kept_call(page: Page) -> None:
    _view(page, f"history/{FIRST}")


def questions(page: Page) -> None:
    _view(page, "unanswered")
    page.get_by_text("Where it was asked").first.click()


def live(page: Page) -> None:
    """An operator has taken over a call that asked for a person."""
    _type(page, "I want to speak to a human")
    phase(page, "listening")
    _view(page, "calls")
    page.get_by_role("button", name="Monitor").first.click()
    page.get_by_role("button", name="Take over").click()
    page.get_by_placeholder("Type: the caller hears it").fill("This is Anna. How can I help?")
    page.wait_for_timeout(500)


def _view(page: Page, address: str) -> None:
    page.evaluate(f"location.hash = '#/{address}'")
    page.wait_for_timeout(1500)


def _type(page: Page, words: str) -> None:
    page.fill("#words", words)
    page.press("#words", "Enter")


STATES: tuple[Callable[[Page], None], ...] = (
    ready,
    half_said,
    speaking,
    measured,
    interrupted,
    sound_check,
    refused,
    engines,
    services,
    system,
    metrics,
    chosen_settings,
    agent,
    history,
    kept_call,
    questions,
    live,
)


def main() -> None:
    """Take them all, or those named."""
    known = {state.__name__: state for state in STATES}
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the pictures are kept")
    parser.add_argument("states", nargs="*", metavar="STATE", help=f"of {', '.join(known)}; none: all of them")
    asked = parser.parse_args()
    if unknown := [name for name in asked.states if name not in known]:
        parser.error(f"no state is called {unknown[0]}; there are {', '.join(known)}")
    folder: Path = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept:
        gateway = BrowserGateway(
            hears=["I would like to know when you are open."],
            answers=[ANSWER],
            asks=("When do you open?",),
            keeps=True,
            data_dir=Path(kept) / "data",
        )
        try:
            _take_all(gateway, Path(kept), folder, [known[name] for name in asked.states or known])
        finally:
            gateway.close()


def _take_all(gateway: BrowserGateway, kept: Path, folder: Path, states: list[Callable[[Page], None]]) -> None:
    keep(gateway, PHONES, "Do you sell phones?", "I don't know.", unanswered="not_known")
    keep(gateway, FIRST, "Do you sell the phones?", "I don't know that.", unanswered="not_known", person=True)
    keep(gateway, HOURS, "When do you open?", "At nine.", engines=JOE)
    with sync_playwright() as playwright:
        for state in states:
            mic = recording(kept / f"{state.__name__}.wav", [silence(1), voice(2), silence(60)])
            asked = REFUSE if state is refused else ALLOW
            flags = [*FLAGS, asked, f"--use-file-for-fake-audio-capture={mic}%noloop"]
            for size, given in SIZES.items():
                browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
                _picture(browser, gateway.url, state, folder / f"{state.__name__}-{size}.png", given)
                browser.close()


def _picture(browser: Browser, url: str, state: Callable[[Page], None], file: Path, given: dict[str, Any]) -> None:
    page = browser.new_context(bypass_csp=True, **given).new_page()
    page.goto(url)
    state(page)
    page.screenshot(path=file)
    page.context.close()


if __name__ == "__main__":
    main()
