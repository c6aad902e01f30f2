"""The page's pure parts, fed by hand: the sound that waits to be played, and what the page makes of what happens."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import ALLOW, OpenBrowser
from tests.browser.house import House

pytestmark = pytest.mark.browser

Event = dict[str, Any]


@pytest.fixture(scope="module")
def page(browsers: OpenBrowser) -> Iterator[Page]:
    house = House()
    try:
        page = browsers(None, ALLOW).new_page()
        page.goto(house.url)
        yield page
        page.close()
    finally:
        house.close()


# ── playback ───────────────────────────────────────────────────────────────────────────────────────────────────────

RATE = 48_000
BLOCK = 128
PLAYBACK = """async (steps) => {
    const { Playback } = await import("/web/playback.js");
    const playback = new Playback(48000);
    const heard = [];
    for (const [step, count, level] of steps) {
        if (step === "add") playback.add(new Int16Array(count).fill(level));
        else if (step === "fill") {
            for (let block = 0; block < count; block += 1) {
                const sound = new Float32Array(128).fill(9);
                playback.fill(sound);
                heard.push(...sound);
            }
        } else playback[step]();
    }
    return { heard: heard.map((sample) => Math.round(sample * 32768)), gaps: playback.gaps };
}"""


def blocks(seconds: float) -> int:
    return round(seconds * RATE / BLOCK)


def test_sound_waits_for_sixty_milliseconds_and_then_plays_without_a_hole(page: Page) -> None:
    """Chunks of any size come out as they went in, one after the other."""
    steps = [["add", 2000, 1], ["fill", 3], ["add", 881, 2], ["fill", 1], ["add", 7, 3], ["fill", blocks(0.06)]]
    told = page.evaluate(PLAYBACK, steps)
    heard = [sample for sample in told["heard"] if sample]
    assert heard == [1] * 2000 + [2] * 881 + [3] * 7
    assert told["heard"].index(1) == 3 * BLOCK  # 2000 samples are under 60 ms, 2881 are not
    silent_again = told["heard"].index(1) + len(heard)
    assert not any(told["heard"][silent_again:])


def test_a_word_shorter_than_the_start_up_buffer_is_played_after_it(page: Page) -> None:
    """Nothing is kept back for ever."""
    told = page.evaluate(PLAYBACK, [["add", 480, 5], ["over"], ["fill", blocks(0.1)]])
    assert told["heard"].count(5) == 480
    assert told["heard"].index(5) == pytest.approx(0.06 * RATE, abs=BLOCK)
    assert told["gaps"] == 0


def test_running_dry_inside_a_reply_is_counted_and_between_replies_is_not(page: Page) -> None:
    """A gap is one that the caller heard: sound, none, and sound of the same reply again."""
    reply = [["add", RATE // 10, 1], ["fill", blocks(0.2)]]
    assert page.evaluate(PLAYBACK, [*reply, *reply, *reply])["gaps"] == 2
    assert page.evaluate(PLAYBACK, [*reply, ["over"], *reply, ["clear"], *reply])["gaps"] == 0


def test_clear_fades_to_silence_in_five_milliseconds(page: Page) -> None:
    """No click, and nothing of it afterwards."""
    steps = [["add", RATE, 1000], ["fill", blocks(0.1)], ["clear"], ["fill", blocks(0.1)]]
    heard = page.evaluate(PLAYBACK, steps)["heard"][blocks(0.1) * BLOCK :]
    fade = heard[: round(0.005 * RATE)]
    assert fade == sorted(fade, reverse=True)
    assert max(abs(a - b) for a, b in pairwise(fade)) < 10
    assert not any(heard[len(fade) :])


def test_clear_before_the_first_sound_leaves_nothing(page: Page) -> None:
    """What only waited is not heard at all."""
    assert not any(page.evaluate(PLAYBACK, [["add", 1000, 1000], ["clear"], ["fill", blocks(0.2)]])["heard"])


def test_a_page_that_stalled_drops_the_oldest_sound(page: Page) -> None:
    """Two seconds are held: what is left is heard when lineside believes that it is."""
    told = page.evaluate(PLAYBACK, [["add", RATE, 1], ["add", RATE, 2], ["add", RATE, 3], ["fill", blocks(2.1)]])
    assert (told["heard"].count(1), told["heard"].count(2), told["heard"].count(3)) == (0, RATE, RATE)


# ── the conversation ───────────────────────────────────────────────────────────────────────────────────────────────

AFTER = """async (events) => {
    const { after, idle } = await import("/web/conversation.js");
    return events.reduce(after, idle);
}"""
PARTED = """async ([text, heard]) => (await import("/web/conversation.js")).parted(text, heard)"""


@pytest.fixture
def after(page: Page) -> Callable[..., Any]:
    """The state of the page after these events."""
    return lambda *events: page.evaluate(AFTER, [{"type": "ready", "engines": {}}, *events])


def event(kind: str, turn: int = 1, reply: int = 1, **more: Any) -> Event:
    return {"type": kind, "turn": turn, "reply": reply, "at": 0.0, **more}


def says(words: str, number: int = 1) -> Event:
    return {**event("llm_token", turn=number, reply=number), "token": words}


@pytest.mark.parametrize(
    ("text", "heard", "parts"),
    [
        ("We are open. From nine.", "We are open.", ["We are open. ", "From nine."]),
        ("We are  open.\nFrom nine.", "We are open.", ["We are open.\n", "From nine."]),
        ("We are open.", "", ["", "We are open."]),
        ("We are open.", "We are open.", ["We are open.", ""]),
        ("We are open. From", "We are open. Sorry.", ["We are open. Sorry. ", "From"]),
        ("We are open.", "Sorry.", ["Sorry. ", "We are open."]),
        ("From 9-18.", "From 9", ["From 9", "-18."]),
        ("", "Hello, this is", ["Hello, this is ", ""]),
    ],
)
def test_a_cut_answer_is_parted_where_the_caller_stopped_hearing_it(
    page: Page, text: str, heard: str, parts: list[str]
) -> None:
    """However it is spaced, and whatever was said besides it."""
    assert page.evaluate(PARTED, [text, heard]) == {"heard": parts[0], "rest": parts[1]}


def test_a_late_token_of_a_cut_reply_changes_nothing(after: Callable[..., Any]) -> None:
    """It stays as it was heard."""
    told = [says("We are open. "), event("barge_in", heard="We are")]
    late = [says("From nine."), event("llm_done", text="We are open. From nine.")]
    assert after(*told, *late)["lines"] == after(*told)["lines"]


def test_words_nobody_understood_before_a_barge_in_come_again_in_the_next_turn(after: Callable[..., Any]) -> None:
    """They are shown once."""
    state = after(
        event("speech_started", reply=0),
        event("partial", text="I have a"),
        event("speech_started", turn=2, reply=0),
        event("barge_in", heard=""),
        event("transcript", turn=2, reply=2, text="I have a question.", latency_ms=1.0),
    )
    assert [line["text"] for line in state["lines"] if line["who"] == "caller"] == ["I have a question."]


def test_a_sound_without_words_goes_back_to_listening(after: Callable[..., Any]) -> None:
    """A cough is shown as one, and nobody waits for an answer."""
    state = after(
        event("speech_started", reply=0),
        event("speech_stopped", reply=0),
        event("transcript", text="", latency_ms=1.0),
        event("metrics", asr_ms=1.0, e2e_ms=None),
    )
    assert state["phase"] == "listening"
    assert [line["text"] for line in state["lines"]] == ["(no words)"]
    assert state["times"] == {}


def test_the_greeting_has_no_latency(after: Callable[..., Any]) -> None:
    """Nobody asked, so nobody waited."""
    state = after(event("audio_started", turn=0, latency_ms=50.0), event("audio_done", turn=0))
    assert state["times"] == {}
    assert state["lines"][0]["ms"] is None


def test_the_latency_is_that_of_the_answer_not_of_a_word_that_asked_to_wait(after: Callable[..., Any]) -> None:
    """What is shown at the first sound is put right when the metrics come."""
    state = after(event("audio_started", latency_ms=1600.0), event("audio_done"), event("metrics", e2e_ms=2500.0))
    assert state["lines"][0]["ms"] == state["times"]["e2e_ms"] == 2500.0


def test_an_error_that_ends_the_call_is_not_talked_over_by_its_end(after: Callable[..., Any]) -> None:
    """The reason stays in sight; a passing one does not hide the end."""
    fatal = {"type": "error", "at": 0.0, "code": "too_fast", "message": "sound came too fast", "fatal": True}
    passing = {**fatal, "message": "the voice failed", "fatal": False}
    assert after(fatal, {"type": "ended", "reason": "too_fast"})["problem"] == "sound came too fast"
    assert "lost" in after(passing, {"type": "lost"})["problem"]


def test_a_very_long_call_keeps_its_last_two_hundred_lines(after: Callable[..., Any]) -> None:
    """The page does not grow for ever."""
    state = after(*(says("x", n) for n in range(1, 251)))
    assert len(state["lines"]) == 200
    assert state["lines"][-1]["key"] == "agent 250"
