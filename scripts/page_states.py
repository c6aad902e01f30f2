"""Pictures of the page in each of its states, to be looked at: small, in the dark, and on a very large screen.

    .venv/bin/python -m scripts.page_states FOLDER

The calls are real, with a gateway in this process; its engines are scripted. `scripts/screenshot.py` takes the pictures
of the documents, with real engines.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from tests.browser.conftest import ALLOW, FLAGS, REFUSE, chromium
from tests.browser.fixtures import House
from tests.browser.page_checks import phase
from tests.browser.sounds import recording, silence, voice

SIZES: dict[str, dict[str, Any]] = {
    "small": {"viewport": {"width": 360, "height": 640}},
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
    page.wait_for_function("document.querySelectorAll('.bars li').length > 5")
    page.wait_for_timeout(300)


def sound_check(page: Page) -> None:
    page.click("#sound-check")
    page.wait_for_timeout(500)


def refused(page: Page) -> None:
    page.click("#talk")
    page.wait_for_selector("#problem:not(:empty)")


def operate(page: Page) -> None:
    page.get_by_role("link", name="Dashboard").click()
    page.wait_for_timeout(2500)


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
    operate,
)


def main() -> None:
    """Take them all."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    house = House(hears=["I would like to know when you are open."], answers=[ANSWER])
    try:
        with tempfile.TemporaryDirectory() as kept, sync_playwright() as playwright:
            for state in STATES:
                mic = recording(Path(kept) / f"{state.__name__}.wav", [silence(1), voice(2), silence(60)])
                asked = REFUSE if state is refused else ALLOW
                flags = [*FLAGS, asked, f"--use-file-for-fake-audio-capture={mic}%noloop"]
                for size, given in SIZES.items():
                    browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
                    _picture(browser, house.url, state, folder / f"{state.__name__}-{size}.png", given)
                    browser.close()
    finally:
        house.close()


def _picture(browser: Browser, url: str, state: Callable[[Page], None], file: Path, given: dict[str, Any]) -> None:
    page = browser.new_context(bypass_csp=True, **given).new_page()
    page.goto(url)
    state(page)
    page.screenshot(path=file)
    page.context.close()


if __name__ == "__main__":
    main()
