"""The page, as a caller meets it: what they see, what they hear, and what they are told when something is wrong."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import REFUSE, OpenGateway, OpenPage
from tests.browser.page_checks import TWICE, answered, phase, played_out, press_again, said, until
from tests.browser.sounds import LOUD, event_times, played, recording, silence, voice

pytestmark = pytest.mark.browser

LONG = " ".join(["One two three four five six seven eight nine ten."] * 4)  # twelve seconds of the scripted voice


def type_in(page: Page, words: str) -> None:
    page.fill("#words", words)
    page.press("#words", "Enter")


def problem(page: Page, *parts: str) -> None:
    """Wait until the page says what is wrong; every part must be in it."""
    for part in parts:
        expect(page.locator("#problem")).to_contain_text(part)


def silent_when_cleared(page: Page) -> None:
    """From 50 ms after `clear` until the next answer nothing is played."""
    cleared, started = event_times(page, "clear")[0], event_times(page, "audio_started")[-1]
    between = played(page).between(cleared + 0.050, started - 0.1)  # the two clocks differ on a busy machine
    assert between.seconds > 0.2
    assert not any(between.pcm)


# ── a call ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_spoken_question_is_heard_shown_and_answered_aloud(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path
) -> None:
    """From the microphone to the loudspeaker: the transcript, the answer, its latency, and sound without a hole."""
    mic = recording(tmp_path / "mic.wav", [silence(1), voice(1), silence(1)])
    page = visit(gateway().url, mic=mic, record=True)
    page.click("#talk")
    phase(page, "listening")
    until(page, "Number(document.getElementById('level').getAttribute('aria-valuenow')) > 40")
    phase(page, "speaking")
    assert said(page) == [("You", "When are you open?"), ("Agent", "We are open. From nine to six.")]
    phase(page, "listening")
    until(page, "document.querySelector('[data-ms=asr_ms]').textContent !== '–'")
    endpoint, answered = (
        int(page.locator(f"[data-ms={name}]").inner_text().replace(",", "")) for name in ("endpoint_ms", "e2e_ms")
    )
    assert 900 < endpoint <= answered
    assert page.locator("#gaps").inner_text() == "0"
    sound = played_out(page)
    first, last = sound.sounding()
    assert last - first == pytest.approx(2.1, abs=0.05)  # seven words of the scripted voice
    between = sound.loudness(0.005)[round((first - sound.began) / 0.005) + 2 : round((last - sound.began) / 0.005) - 2]
    assert between.min() > 300  # the voice is one tone: a hole of five milliseconds would be seen


def test_the_microphone_is_asked_for_as_a_telephone_needs_it(gateway: OpenGateway, visit: OpenPage) -> None:
    """Without echo, noise and level, in one channel, at the device's own rate, in frames of 20 ms."""
    page = visit(gateway().url)
    page.click("#talk")
    phase(page, "listening")
    wanted = page.evaluate("tap.streams[0].wanted.audio")
    assert wanted == {"channelCount": 1, "echoCancellation": True, "noiseSuppression": True, "autoGainControl": True}
    rate = page.evaluate("tap.context.sampleRate")
    assert page.evaluate("tap.said[0]") == {"codec": "pcm", "sample_rate": rate}
    until(page, "tap.frames.length > 5")
    assert set(page.evaluate("tap.frames")) == {round(rate * 0.02) * 2}


def test_a_partial_is_grey_until_it_is_final(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """What may still change looks so, and stops looking so."""
    mic = recording(tmp_path / "mic.wav", [silence(1), voice(1), silence(1)])
    page = visit(gateway(vad_silence_timeout_ms=3000).url, mic=mic)
    page.click("#talk")
    line = page.locator("#lines > .caller")
    expect(line.locator(".text")).to_have_text("When are you open?")
    grey = "rgb(86, 100, 116)"
    expect(line.locator(".text")).to_have_css("color", grey)
    phase(page, "speaking")
    expect(line.locator(".text")).not_to_have_css("color", grey)


def test_typed_words_are_answered_without_a_microphone(gateway: OpenGateway, visit: OpenPage) -> None:
    """Typing begins a call of its own when there is none, and lends no microphone for it."""
    page = visit(gateway(greeting="Hello!", answers=["From nine.", "Until six."]).url)
    type_in(page, "When do you open?")
    phase(page, "speaking")
    phase(page, "listening")
    type_in(page, "And until when?")
    phase(page, "speaking")
    assert said(page) == [
        ("You", "When do you open?"),
        ("Agent", "From nine."),
        ("You", "And until when?"),
        ("Agent", "Until six."),
    ]
    assert page.evaluate("tap.streams.length") == 0
    assert page.input_value("#words") == ""


def test_an_interrupted_answer_stops_at_once_and_shows_what_was_heard(gateway: OpenGateway, visit: OpenPage) -> None:
    """Sound ends within 50 ms of `clear`; the words that nobody heard are struck through."""
    page = visit(gateway(answers=[LONG, "All right."], thinks=0.5).url, record=True)
    type_in(page, "Count.")
    until(page, "tap.events.some(e => e.type === 'audio_started')")
    until(page, f"tap.sounded({LOUD / 32768}) > 1.2")  # the caller listens a while
    type_in(page, "Stop.")
    until(page, "tap.events.some(e => e.type === 'clear')")
    phase(page, "speaking")
    silent_when_cleared(page)
    agent = page.locator("#lines > .agent").first
    heard = page.evaluate("tap.events.find(e => e.type === 'barge_in').heard")
    assert heard.startswith("One two three")
    assert f"{heard} {agent.locator('del').inner_text().strip()}" == LONG
    assert agent.locator(".text").inner_text() == LONG
    assert said(page)[-1] == ("Agent", "All right.")


def test_talking_over_the_answer_cuts_it(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """A voice in the microphone silences the loudspeaker, and what it says is the next turn."""
    mic = recording(tmp_path / "mic.wav", [silence(1), voice(1), silence(2.5), voice(1), silence(1)])
    page = visit(gateway(hears=["Count.", "Stop."], answers=[LONG, "All right."]).url, mic=mic, record=True)
    page.click("#talk")
    until(page, "tap.events.some(e => e.type === 'barge_in')")
    phase(page, "speaking")
    silent_when_cleared(page)
    assert [words for who, words in said(page) if who == "You"] == ["Count.", "Stop."]
    assert page.locator("#lines > .agent del").count() == 1


def test_reasoning_is_folded_under_its_own_turn(gateway: OpenGateway, visit: OpenPage) -> None:
    """It can be read, and is no part of the answer."""
    page = visit(gateway(answers=["<think> They ask for the hours. </think> From nine."]).url)
    type_in(page, "When?")
    phase(page, "speaking")
    assert said(page)[-1] == ("Agent", "From nine.")
    thoughts = page.locator("#lines > .agent details")
    expect(thoughts.locator("p")).to_be_hidden()
    thoughts.get_by_text("Show reasoning").click()
    expect(thoughts.locator("p")).to_contain_text("They ask for the hours.")
    assert page.locator("#lines > .caller details").is_hidden()


def test_what_a_model_says_never_becomes_html(gateway: OpenGateway, visit: OpenPage) -> None:
    """Tags in questions, answers, reasoning and barge-ins are shown as they are."""
    html = '<img src=x onerror="hacked=1"><b>bold</b>'
    page = visit(gateway(hears=[html], answers=[f"<think> {html} </think> {html} {LONG}", html]).url)
    type_in(page, html)
    phase(page, "speaking")
    page.wait_for_timeout(500)
    type_in(page, html)
    page.wait_for_selector("#lines del")
    expect(page.locator("#lines > .agent .text").nth(1)).to_contain_text("bold")  # short: it may be over by now
    assert [text for _, text in said(page)][::2] == [html, html]
    assert html in page.locator("#lines > .agent .text").first.inner_text()
    assert page.locator("#lines :is(img, script, b)").count() == 0
    assert page.evaluate("window.hacked") is None


# ── the end of a call, and the next ────────────────────────────────────────────────────────────────────────────────


def test_stop_closes_everything_and_talk_begins_anew(gateway: OpenGateway, visit: OpenPage) -> None:
    """Hung up with a word, the microphone given back, the sound device let go; the next call starts empty."""
    one = gateway()
    page = visit(one.url)
    page.click("#talk")
    phase(page, "listening")
    type_in(page, "When?")
    phase(page, "speaking")
    press_again(page)
    phase(page, "ended")
    expect(page.locator("#state")).to_have_text("Call ended")
    assert page.evaluate("tap.said.at(-1)") == {"type": "hangup"}
    assert page.evaluate("tap.streams[0].stream.getTracks().map(t => t.readyState)") == ["ended"]
    until(page, "tap.context.state === 'closed'")
    assert page.locator("#level").get_attribute("aria-valuenow") == "0"
    assert len(said(page)) == 2  # it can still be read
    press_again(page)
    phase(page, "listening")
    assert said(page) == []
    assert one.gateway.calls == 1


def test_stop_while_the_microphone_is_being_asked_for_gives_it_back(gateway: OpenGateway, visit: OpenPage) -> None:
    """A microphone that comes too late is closed at once, and no call begins."""
    one = gateway()
    page = visit(one.url)
    page.evaluate(
        """() => {
            const lend = navigator.mediaDevices.getUserMedia;
            const asked = new Promise(done => { window.allow = done; });
            navigator.mediaDevices.getUserMedia = async wanted => { await asked; return lend(wanted); };
        }"""
    )
    page.click("#talk")
    phase(page, "connecting")
    press_again(page)
    phase(page, "ready")
    page.evaluate("allow()")
    until(page, "tap.streams[0]?.stream.getTracks()[0].readyState === 'ended'")
    assert page.evaluate("tap.said") == []
    assert one.gateway.calls == 0


def test_what_was_sent_is_heard_when_the_gateway_ends_the_call(gateway: OpenGateway, visit: OpenPage) -> None:
    """lineside sends ahead of the ear: its last word is played, then everything is closed, and the page says why."""
    page = visit(gateway(call_max_s=2, greeting=LONG).url, record=True)
    page.click("#talk")
    phase(page, "ended")
    problem(page, "longest time allowed", "Press Start call")
    (ended,) = event_times(page, "ended")
    assert 0.2 < played(page).sounding()[1] - ended < 1.0
    assert page.evaluate("tap.streams[0].stream.getTracks()[0].readyState") == "ended"
    until(page, "tap.context.state === 'closed'")


def test_a_caller_who_says_nothing_is_told_why_the_call_ended(gateway: OpenGateway, visit: OpenPage) -> None:
    """And how to call again."""
    page = visit(gateway(call_idle_timeout_s=1).url)
    page.click("#talk")
    phase(page, "ended")
    problem(page, "nobody spoke for a while", "Press Start call")


def test_a_gateway_that_closes_says_so_and_is_missed_afterwards(gateway: OpenGateway, visit: OpenPage) -> None:
    """First that lineside is stopping; then, that nobody answers."""
    one = gateway()
    page = visit(one.url)
    page.click("#talk")
    phase(page, "listening")
    one.close()
    phase(page, "ended")
    problem(page, "shutting down", "once it is running again")
    press_again(page)
    problem(page, "does not answer", "Check that it is running")


def test_a_broken_connection_is_told_and_can_be_made_again(gateway: OpenGateway, visit: OpenPage) -> None:
    """Where calls do not wait: connection lost, in words; Talk calls again and the words go."""
    one = gateway(resume_s=0)
    page = visit(one.url)
    page.click("#talk")
    phase(page, "listening")
    one.hang_up_on_everyone()
    phase(page, "ended")
    problem(page, "Connection lost", "press Start call")
    press_again(page)
    phase(page, "listening")
    expect(page.locator("#problem")).to_be_empty()


def test_a_gateway_that_restarts_is_called_again(gateway: OpenGateway, visit: OpenPage) -> None:
    """The same page, not loaded anew: it says what happened, what to do, and the next call is answered."""
    one = gateway()
    page = visit(one.url)
    type_in(page, "When?")
    answered(page)
    one.close()
    problem(page, "shutting down", "Press Start call once it is running")
    page.click("#talk")
    problem(page, "does not answer")
    gateway(port=int(one.url.rpartition(":")[2]), answers=["We are back."])
    type_in(page, "And now?")
    until(page, "document.querySelector('#lines').textContent.includes('We are back.')")
    expect(page.locator("#problem")).to_be_empty()


# ── what can be wrong ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refused_microphone_is_told_and_typing_still_works(gateway: OpenGateway, visit: OpenPage) -> None:
    """The words say what to do about it, and there is another way."""
    page = visit(gateway().url, asked=REFUSE)
    page.click("#talk")
    problem(page, "Microphone access denied", "address bar", "type below")
    phase(page, "ready")
    type_in(page, "When are you open?")
    phase(page, "speaking")
    expect(page.locator("#problem")).to_be_empty()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotFoundError", "No microphone was found. Connect one"),
        ("NotReadableError", "in use by another application"),
        ("AbortError", "could not be opened"),
    ],
)
def test_a_microphone_that_cannot_be_had_is_told(gateway: OpenGateway, visit: OpenPage, name: str, words: str) -> None:
    """Each in its own words."""
    fails = f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('no', '{name}'); }};"
    page = visit(gateway().url, script=fails)
    page.click("#talk")
    problem(page, words, "type below")


def test_a_page_that_may_not_have_a_microphone_says_where_it_could(gateway: OpenGateway, visit: OpenPage) -> None:
    """On plain http from another machine browsers have no microphone at all."""
    page = visit(gateway().url, script="Object.defineProperty(navigator, 'mediaDevices', { value: undefined });")
    page.click("#talk")
    problem(page, "https", "localhost")


def test_a_microphone_that_is_pulled_out_ends_the_call_with_a_word(gateway: OpenGateway, visit: OpenPage) -> None:
    """The caller is told, not left speaking to nobody."""
    page = visit(gateway().url)
    page.click("#talk")
    phase(page, "listening")
    page.evaluate("tap.streams[0].stream.getTracks()[0].dispatchEvent(new Event('ended'))")
    phase(page, "ended")
    problem(page, "Microphone disconnected", "press Start call")


def test_full_capacity_is_told(gateway: OpenGateway, visit: OpenPage) -> None:
    """A socket cannot see the 503; the page asks /health what it was."""
    one = gateway(max_concurrent_calls=1)
    first, second = visit(one.url), visit(one.url)
    first.click("#talk")
    phase(first, "listening")
    second.click("#talk")
    problem(second, "Call limit reached (1 of 1", "Try again when a call ends")
    phase(second, "ready")
    press_again(first)
    phase(first, "ended")
    until(second, "async () => (await (await fetch('/health')).json()).calls === 0")
    press_again(second)
    phase(second, "listening")


def test_a_failed_engine_is_told_and_the_call_goes_on(gateway: OpenGateway, visit: OpenPage) -> None:
    """The words go with the next turn."""
    one = gateway()
    one.llm.fails = 2  # it is asked twice
    page = visit(one.url)
    type_in(page, "When?")
    problem(page, "told to fail")
    type_in(page, "When?")
    until(page, "document.querySelectorAll('#lines > .agent').length === 2")
    expect(page.locator("#problem")).to_be_empty()


def test_a_gateway_with_keys_asks_for_one_and_forgets_it_with_the_tab(gateway: OpenGateway, visit: OpenPage) -> None:
    """A wrong key is said to be wrong; the right one opens the line, is kept in this tab, and nowhere else."""
    page = visit(gateway(api_keys=("open sesame",)).url)
    page.click("#talk")
    expect(page.locator("#key-why")).to_have_text("API key required.")
    page.fill("#key", "open barley")
    page.press("#key", "Enter")
    expect(page.locator("#key-why")).to_have_text("That key was not accepted.")
    page.fill("#key", "open sesame")
    page.press("#key", "Enter")
    phase(page, "listening")
    assert "open sesame" in page.evaluate("JSON.stringify({ ...sessionStorage })")
    assert "open" not in page.evaluate("JSON.stringify({ ...localStorage }) + document.cookie")
    page.reload()
    type_in(page, "When?")
    phase(page, "speaking")
    expect(page.locator("#key-dialog")).to_be_hidden()


def test_a_key_is_remembered_in_this_browser_by_whoever_says_so(gateway: OpenGateway, visit: OpenPage) -> None:
    """Another tab does not ask for it."""
    one = gateway(api_keys=("open sesame",))
    page = visit(one.url)
    page.click("#talk")
    page.fill("#key", "open sesame")
    page.get_by_label("Remember in this browser").check()
    page.get_by_role("button", name="Continue").click()
    phase(page, "listening")
    another = page.context.new_page()
    another.goto(one.url)
    type_in(another, "When?")
    phase(another, "speaking")
    expect(another.locator("#key-dialog")).to_be_hidden()


def test_who_does_not_give_a_key_is_not_asked_again(gateway: OpenGateway, visit: OpenPage) -> None:
    """Escape and Cancel leave the page as it was, saying what is missing."""
    page = visit(gateway(api_keys=("open sesame",)).url)
    page.click("#talk")
    expect(page.locator("#key-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#key-dialog")).to_be_hidden()
    problem(page, "API key required")
    phase(page, "ready")
    press_again(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#key-dialog")).to_be_hidden()
    problem(page, "API key required")


def test_a_sound_device_faster_than_lineside_hears_is_asked_for_48_khz(gateway: OpenGateway, visit: OpenPage) -> None:
    """Studio cards run at 96 kHz and more; a call takes 48 at most."""
    studio = """
        window.AudioContext = class extends AudioContext {
            constructor(given) { super({ sampleRate: 96000, ...given }); }
        };
    """
    page = visit(gateway().url, script=studio)
    page.click("#talk")
    phase(page, "listening")
    assert page.evaluate("tap.said[0].sample_rate") == 48_000


# ── the page itself ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_space_bar_talks_and_stops_but_not_in_a_field(gateway: OpenGateway, visit: OpenPage) -> None:
    """With nothing focused it is the button; in the field it is a space; on the button it is one press, not two."""
    page = visit(gateway().url)
    page.keyboard.press("Space")
    phase(page, "listening")
    page.focus("#words")
    page.keyboard.type("a b")
    assert page.input_value("#words") == "a b"
    phase(page, "listening")
    page.focus("#talk")
    page.wait_for_timeout(TWICE)
    page.keyboard.press("Space")
    phase(page, "ended")


def test_everything_comes_from_the_gateway_itself(gateway: OpenGateway, visit: OpenPage) -> None:
    """No font, script or picture from elsewhere: the page works on a machine without a network."""
    one = gateway()
    page = visit(one.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.click("#talk")
    phase(page, "listening")
    assert len(asked) >= 5  # the page, its script, its looks, its icon and a token; more, where worklets are told of
    assert not [url for url in asked if not url.startswith(one.url)]


def test_a_screen_reader_is_told_each_line_once_and_finds_a_name_on_everything(
    gateway: OpenGateway, visit: OpenPage
) -> None:
    """Whole lines go to a live region; nothing that can be used is without a name."""
    page = visit(gateway().url)
    page.evaluate(
        """() => {
            window.announced = [];
            const note = () => announced.push(document.getElementById("announced").textContent);
            const every = { childList: true, characterData: true, subtree: true };
            new MutationObserver(note).observe(document.getElementById("announced"), every);
        }"""
    )
    type_in(page, "When?")
    phase(page, "speaking")
    assert page.evaluate("announced") == ["You: When?", "Agent: We are open. From nine to six."]
    tree = page.locator("body").aria_snapshot()
    for named in ('button "End call"', 'meter "Microphone"', 'textbox "Type a message"', 'region "Conversation"'):
        assert named in tree
    assert page.locator("#problem").get_attribute("role") == "alert"
    assert page.locator("#state").get_attribute("role") == "status"


CONTRAST = Path(__file__).parent / "contrast.js"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1200, 800), (360, 640)])
def test_every_text_can_be_read(gateway: OpenGateway, visit: OpenPage, scheme: Any, size: tuple[int, int]) -> None:
    """4.5:1 or better in both schemes (WCAG 2.2, 1.4.3 AA); nothing is wider than a small telephone's screen."""
    page = visit(
        gateway(answers=[f"<think> Hm. </think> {LONG}", "Yes."]).url,
        color_scheme=scheme,
        viewport={"width": size[0], "height": size[1]},
    )
    type_in(page, "A-word-that-is-much-longer-than-any-screen-of-a-telephone-is-wide" * 3)
    phase(page, "speaking")
    page.wait_for_timeout(500)
    type_in(page, "When?")
    page.wait_for_selector("#lines del")
    page.evaluate("document.getElementById('problem').textContent = 'Something to do about it.'")
    faint = page.evaluate(CONTRAST.read_text())
    assert faint == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate("document.documentElement.scrollHeight") <= size[1]
    assert page.locator("#conversation").bounding_box()["height"] > 120  # type: ignore[index]


def test_long_conversations_stay_at_their_end_unless_the_reader_scrolls_up(
    gateway: OpenGateway, visit: OpenPage
) -> None:
    """New lines pull the view along; a reader who looks back is left alone."""
    page = visit(gateway(answers=[LONG]).url, viewport={"width": 360, "height": 640})
    below = "c => c.scrollHeight - c.scrollTop - c.clientHeight"
    for answers in range(1, 5):
        type_in(page, "Count.")
        until(page, f"document.querySelectorAll('#lines > .agent').length === {answers}")
    pane = page.locator("#conversation")
    until(page, f"({below})(document.querySelector('#conversation')) < 2")  # the view follows once a frame
    pane.evaluate("c => { c.scrollTop = 0; }")
    type_in(page, "Count.")
    until(page, "document.querySelectorAll('#lines > .agent').length === 5")
    assert pane.evaluate("c => c.scrollTop") == 0
