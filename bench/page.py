"""What the page costs: its size, how soon it can be used, how busy it keeps its thread, whether it grows.

    .venv/bin/python -m bench.page [--loads 5] [--seconds 30] [--turns 150]

Opens the page in Chromium, against a gateway with scripted engines in this process; every figure is the browser's own.
"""

import argparse
import gzip
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from tests.browser.conftest import ALLOW, FLAGS, chromium
from tests.browser.fixtures import BrowserGateway
from tests.browser.page_checks import phase, until
from tests.browser.sounds import recording, silence, voice

WEB = Path(__file__).parents[1] / "src" / "lineside" / "web"
LINE = Path(__file__).parents[1] / "tests" / "browser" / "scripted-line.js"
FIRST = ("index.html", "assets/index-*.js", "assets/index-*.css")  # the panels are loaded when they are opened


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30.0, help="of talk")
    parser.add_argument("--turns", type=int, default=150, help="of the long call; 150 are half an hour")
    arguments = parser.parse_args()
    first = sum(_packed(file) for pattern in FIRST for file in WEB.glob(pattern))
    print(f"first load, gzipped: {first / 1000:.1f} kB; all of it: {sum(map(_packed, WEB.rglob('*.*'))) / 1000:.1f} kB")
    gateway = BrowserGateway(answers=["We are open. From nine to six. " * 2])
    try:
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            talk = [part for _ in range(60) for part in (voice(1.5), silence(3))]
            mic = recording(Path(folder) / "mic.wav", [silence(1), *talk])
            flags = [*FLAGS, ALLOW, f"--use-file-for-fake-audio-capture={mic}%noloop"]
            browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
            loads = [_load(browser, gateway.url) for _ in range(arguments.loads)]
            print(
                f"usable after: {median(loads):.0f} ms (of {arguments.loads} first loads; slowest {max(loads):.0f} ms)"
            )
            print(f"main thread while talking: {_talk(browser, gateway.url, arguments.seconds):.1%} of a core")
            _grow(browser, gateway.url, arguments.turns)
            browser.close()
    finally:
        gateway.close()


def _packed(file: Path) -> int:
    return len(gzip.compress(file.read_bytes(), 9))


def _load(browser: Browser, url: str) -> float:
    """Milliseconds from asking for the page to a button that can be pressed, with nothing kept from before."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("""
        new MutationObserver(() => {
            if (!window.usable && document.getElementById('talk')) window.usable = performance.now();
        }).observe(document, { childList: true, subtree: true });
    """)
    page.goto(url)
    page.wait_for_selector("#talk")
    usable: float = page.evaluate("window.usable")
    context.close()
    return usable


def _talk(browser: Browser, url: str, seconds: float) -> float:
    """Share of a core that the page's thread is busy in a call."""
    page, session = _opened(browser, url)
    page.click("#talk")
    phase(page, "listening")
    before = _measured(session)
    page.wait_for_timeout(seconds * 1000)
    now = _measured(session)
    page.context.close()
    busy: float = now["TaskDuration"] - before["TaskDuration"]
    return busy / float(now["Timestamp"] - before["Timestamp"])


def _grow(browser: Browser, url: str, turns: int) -> None:
    """Elements and heap before and after as many turns, when the page is full."""
    page, session = _opened(browser, url, LINE.read_text())
    page.fill("#words", "Hello?")
    page.press("#words", "Enter")
    phase(page, "listening")
    for half in ("first", "second"):
        page.evaluate("turns => line.talk(turns)", turns)
        until(page, "document.querySelectorAll('#lines > li').length === 200")
        for _ in range(2):
            session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")["usedSize"]
        elements = page.evaluate("document.querySelectorAll('*').length")
        print(f"after the {half} {turns} turns: {elements} elements, {heap / 1e6:.2f} MB of heap")
    page.context.close()


def _opened(browser: Browser, url: str, script: str = "") -> tuple[Page, CDPSession]:
    page = browser.new_context().new_page()
    if script:
        page.add_init_script(script)
    page.goto(url)
    page.wait_for_selector("#talk")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return page, session


def _measured(session: CDPSession) -> dict[str, Any]:
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


if __name__ == "__main__":
    main()
