"""A visit booked by voice in the browser: the page in Chromium, real recogniser, model, voice and back end.

    python -m bench.browser_booking [--tts ENGINE] [--voice NAME] [--pictures FOLDER]

A caller made by a voice presses Start call, listens until a question has been played to its end, and then answers that
question; a read-back with a wrong value gets no yes. Meanwhile an operator monitors the call in a second window. Prints
what was heard and said, the kept call and the row in the back end. `--pictures`: the caller's page, the operator's, and
the kept call in the history. The microphone is made in the page: the browser's own noise suppression has no part in it.
"""

import argparse
import base64
import json
import re
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.spoken_booking import usual_voice
from playwright.sync_api import APIRequestContext, Browser, Page, ViewportSize, sync_playwright
from tests.browser.conftest import FLAGS, chromium
from tests.browser.page_checks import phase, played_out, until
from tests.browser.sounds import MICROPHONE_RATE, tap
from tests.real_gateway import running_stack

from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav

MICROPHONE = Path(__file__).parents[1] / "tests" / "browser" / "microphone.js"
PATIENCE = 90.0  # seconds for one answer; real models on a shared machine
MOST_TURNS = 20
WINDOW = ViewportSize(width=1280, height=1000)
OPERATORS = ViewportSize(width=1280, height=1350)
# What the agent asks, and what the caller answers.
ANSWERS = (
    (r"How can I help you", "Hi, I'd like to book an engineer, please."),
    (r"order number\?|digits of your order", "One two three four five."),
    (r"restarted your router", "Yes, I have."),
    (r"Which day|name a day", "Next Tuesday."),
    (r"In the morning or", "In the morning."),
    (r"can the engineer call|area code", "Five five five, zero one zero, one two three four."),
    (r"Go on, please", "One two three four."),
    (r"Shall I book it", "Yes, please."),
    (r"anything else", "No, that's all. Thank you."),
)
BOOKED = ("Tuesday", "in the morning", "1 2 3, 4 5", "5 5 5, 0 1 0, 1 2 3 4")  # what the read-back has to say
SAID = "tap.events.filter(e => e.type === 'reply_text').map(e => e.text)"
HEARD = "tap.events.filter(e => e.type === 'transcript').map(e => e.text)"
OVER = "tap.events.some(e => e.type === 'ended')"


def main() -> int:
    """Hold the call and print what came of it; the exit code is 1 where no visit was booked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tts", default="", help="the caller's engine; empty: one that is not the agent's")
    parser.add_argument("--voice", default="")
    parser.add_argument("--pictures", type=Path)
    asked = parser.parse_args()
    if asked.pictures is not None:
        asked.pictures.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder)) as stack,
        sync_playwright() as playwright,
    ):
        voice = {"model": asked.tts or usual_voice(), "voice": asked.voice, "response_format": "wav"}
        api = playwright.request.new_context(base_url=stack.url)
        lines = {answer: _spoken(api, voice, answer) for _, answer in ANSWERS}
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS])
        call = _held(browser, stack.url, lines, asked.pictures)
        print("\nkept:")
        _print_kept(api.get(f"/api/calls/{call}").json())
        browser.close()
        with sqlite3.connect(Path(folder) / "demo.db") as base:
            visits = base.execute("select * from visits").fetchall()
        print(f"\nvisits in the back end: {visits}")
    return 0 if len(visits) == 1 else 1


def _spoken(api: APIRequestContext, voice: dict[str, str], text: str) -> str:
    """The line in the caller's voice, as the page's microphone takes it."""
    answer = api.post("/v1/audio/speech", data={**voice, "input": text}, timeout=PATIENCE * 1000)
    if not answer.ok:
        sys.exit(f"the caller's voice cannot speak: {answer.text()}")
    sound = read_wav(answer.body())
    resampler = InputResampler(sound.rate, MICROPHONE_RATE)
    return base64.b64encode(resampler.feed(sound.pcm) + resampler.end()).decode()


def _held(browser: Browser, url: str, lines: dict[str, str], pictures: Path | None) -> str:
    """Hold the call, and tell its id."""
    profile = browser.new_context(bypass_csp=True, viewport=WINDOW)
    tap(profile, record=True)
    profile.add_init_script(path=MICROPHONE)
    page = profile.new_page()
    page.goto(url)
    page.click("#talk")
    until(page, "tap.events.some(e => e.type === 'ready')", PATIENCE)
    operator = _monitored(browser, url)
    for turn in range(MOST_TURNS):
        question = _question(page, turn)
        answer = _answer(question)
        if answer == ANSWERS[-1][1] and pictures is not None:
            page.screenshot(path=pictures / "booking-page.png")
            operator.screenshot(path=pictures / "booking-live.png")
        page.evaluate("sound => microphone.say(sound)", lines[answer])
        until(page, f"{OVER} || {SAID}.length > {turn + 1}", PATIENCE)
        print(f"  caller  {page.evaluate(HEARD)[-1]}    (said: {answer})", flush=True)
        if answer == ANSWERS[-1][1]:
            break
    until(page, OVER, PATIENCE)
    print(f"  agent   {page.evaluate(SAID)[-1]}")
    call: str = page.evaluate("tap.events.find(e => e.type === 'ready').call_id")
    if pictures is not None:
        operator.goto(f"{url}/#/history/{call}")
        operator.reload()
        operator.wait_for_selector(".business")
        operator.screenshot(path=pictures / "booking-kept.png", full_page=True)
    return call


def _monitored(browser: Browser, url: str) -> Page:
    """The operator's window."""
    operator = browser.new_context(viewport=OPERATORS).new_page()
    operator.goto(f"{url}/#/calls")
    operator.get_by_role("button", name="Monitor").first.click()
    return operator


def _question(page: Page, turn: int) -> str:
    """What the agent says in that turn, once it has been played to its end."""
    until(page, f"{SAID}.length > {turn}", PATIENCE)
    until(page, f"tap.events.filter(e => e.type === 'audio_done').length > {turn}", PATIENCE)
    phase(page, "listening")
    played_out(page)
    said: str = page.evaluate(SAID)[turn]
    print(f"  agent   {said}", flush=True)
    return said


def _answer(question: str) -> str:
    """What the caller answers; they hang up on a wrong read-back and on a question that they have no answer to."""
    answer = next((answer for asks, answer in ANSWERS if re.search(asks, question)), "")
    if not answer:
        sys.exit(f"the caller has no answer to {question!r}")
    if answer == "Yes, please." and (wrong := [value for value in BOOKED if value not in question]):
        sys.exit(f"the read-back does not say {', '.join(wrong)}: {question!r}")
    return answer


def _print_kept(whole: dict[str, Any]) -> None:
    call = whole["call"]
    print(f"  call {call['id']}: {call['seconds']:.1f} s, {call['turns']} turns, {call['reason']}")
    for turn in whole["turns"]:
        print(f"  {turn['heard'] or '–':45} {turn['stages'].get('e2e_ms') or 0:6.0f} ms   {turn['reached']}")
    for name in sorted(set(whole) - {"call", "turns", "decisions"}):
        print(f"  {name}: {json.dumps(whole[name])}")


if __name__ == "__main__":
    sys.exit(main())
