"""The pictures of the page: two spoken turns with a running lineside, as a caller sees them.

./run.sh &
.venv/bin/python scripts/screenshot.py http://localhost:3001 QUESTION.wav QUESTION.wav docs/images/page.png

`--history` needs a lineside that records: RECORD_CALLS=true ./run.sh
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from lineside.audio.frame import SAMPLE_BYTES
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav, wav_bytes

RATE = 48_000  # of the browser's microphone
GREETING, ANSWER = 6.0, 9.0  # seconds of silence left for each; after ten the agent asks whether somebody is there
PATIENCE = 90_000  # milliseconds
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--use-fake-device-for-media-stream")
ANSWERED = "answers => document.querySelectorAll('#lines > .agent .ms:not(:empty)').length === answers"


def main() -> None:
    """Take the picture."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("url")
    asked.add_argument("questions", nargs="+", type=Path)
    asked.add_argument("picture", type=Path)
    asked.add_argument("--dark", action="store_true")
    asked.add_argument("--operate", type=Path, help="a second picture: what stands behind the call")
    asked.add_argument("--history", type=Path, help="another picture: that call, kept")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        mic = Path(folder) / "mic.wav"
        mic.write_bytes(_spoken(given.questions))
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[*FLAGS, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={mic}%noloop"],
        )
        page = browser.new_page(viewport={"width": 1200, "height": 800}, color_scheme="dark" if given.dark else "light")
        _call(page, given.url, len(given.questions))
        page.screenshot(path=given.picture)
        if given.operate:
            page.get_by_role("link", name="Dashboard").click()
            page.wait_for_timeout(3000)
            page.screenshot(path=given.operate)
        if given.history:
            _kept(page, given.url)
            page.screenshot(path=given.history)
        browser.close()


def _spoken(questions: list[Path]) -> bytes:
    pcm = _silence(GREETING)
    for question in questions:
        sound = read_wav(question)
        resampler = InputResampler(sound.rate, RATE)
        pcm += resampler.feed(sound.pcm) + resampler.end() + _silence(ANSWER)
    return wav_bytes(pcm, RATE)


def _silence(seconds: float) -> bytes:
    return bytes(round(seconds * RATE) * SAMPLE_BYTES)


def _call(page: Page, url: str, turns: int) -> None:
    """Call, and wait until the last answer has been heard and measured."""
    page.goto(url)
    page.click("#talk")
    while not page.evaluate(ANSWERED, turns):
        page.wait_for_timeout(100)
    page.wait_for_selector("body[data-phase=listening]", timeout=PATIENCE)
    page.wait_for_timeout(500)


def _kept(page: Page, url: str) -> None:
    """Hang up, and open the call in the history."""
    page.goto("about:blank")
    page.wait_for_timeout(2000)  # until the database has it
    page.set_viewport_size({"width": 1200, "height": 1080})
    page.goto(f"{url}/#/history")
    page.locator("[data-kept] a").first.click()
    page.wait_for_selector(".wave path")
    page.get_by_role("button", name="latency breakdown").last.click()
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    main()
