"""A browser for each test that needs one, and a gateway for it to call."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.browser.control_log import LOG, ControlLog
from tests.browser.fixtures import BrowserGateway
from tests.browser.sounds import recording, silence, tap

HERE = Path(__file__).parent
VERDICT = "test_every_control_that_was_shown_has_been_pressed"
PATIENCE = 60_000  # milliseconds; nothing here should take one second, but machines are shared
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--host-resolver-rules=MAP desk.example.com 127.0.0.1",
]
ALLOW, REFUSE = "--use-fake-ui-for-media-stream", "--use-fake-ui-for-media-stream=deny"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the verdict on the controls behind all tests."""
    mine = [item for item in items if item.path.parent == HERE]
    last = [item for item in mine if item.name == VERDICT]
    log = config.stash.setdefault(LOG, ControlLog())
    log.whole &= {item.path.name for item in mine} == {file.name for file in HERE.glob("test_*.py")}
    log.whole &= not hasattr(config, "workerinput")  # a process of several sees its own tests alone
    for item in last:
        items.remove(item)
        items.append(item)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Without one of its tests, the folder has no verdict to give."""
    for item in items:
        if item.path.parent == HERE:
            item.config.stash.setdefault(LOG, ControlLog()).whole = False


OpenGateway = Callable[..., BrowserGateway]
OpenPage = Callable[..., Page]
OpenBrowser = Callable[[Path | None, str], Browser]


def chromium() -> str:
    """Debian's Chromium, or whichever is on the path."""
    found = next(filter(None, map(shutil.which, ("/usr/bin/chromium", "chromium", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is installed, so the page was not tested: apt-get install -y chromium")
    return found


# Of a module, not of the session: while a playwright lives, no other test of this thread can run an event loop.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    chromium()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browsers(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBrowser]:
    """Browsers by what their microphone hears (silence, where nothing is named) and whether it may be used."""
    opened: dict[tuple[Path | None, str], Browser] = {}

    def browser(mic: Path | None, asked: str) -> Browser:
        if (mic, asked) not in opened:
            heard = mic or recording(tmp_path_factory.mktemp("mic") / "silence.wav", [silence(1)])
            flags = [*FLAGS, asked, f"--use-file-for-fake-audio-capture={heard}%noloop"]
            opened[mic, asked] = playwright.chromium.launch(executable_path=chromium(), args=flags)
        return opened[mic, asked]

    yield browser
    for one in opened.values():
        one.close()


@pytest.fixture
def gateway() -> Iterator[OpenGateway]:
    """Opens gateway; closes them when the test is over."""
    opened: list[BrowserGateway] = []

    def running_gateway(**script: Any) -> BrowserGateway:
        opened.append(BrowserGateway(**script))
        return opened[-1]

    yield running_gateway
    for one in opened:
        one.close()


@pytest.fixture
def visit(browsers: OpenBrowser, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Opens pages, each in a browser profile of its own; closes them when the test is over."""
    profiles: list[BrowserContext] = []
    faults: list[str] = []

    def open_page(
        url: str, *, mic: Path | None = None, asked: str = ALLOW, record: bool = False, script: str = "", **given: Any
    ) -> Page:
        profile = browsers(mic, asked).new_context(bypass_csp=record, **given)
        profiles.append(profile)
        profile.set_default_timeout(PATIENCE)
        tap(profile, record=record)
        request.config.stash[LOG].watch(profile, request.node.name)
        if script:
            profile.add_init_script(script)
        page = profile.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(url)
        return page

    yield open_page
    for profile in profiles:
        profile.close()
    # A refused call, token or key is told by the browser too, in its own words.
    told = [fault for fault in faults if "Failed to load resource" not in fault and "WebSocket connection" not in fault]
    assert not told, f"the page's console: {told}"
