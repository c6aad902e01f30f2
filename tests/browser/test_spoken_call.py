"""One spoken call through the whole product: a browser, its microphone and loudspeaker, and the real models."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import pytest

from lineside.audio.frame import STT_RATE, AudioFrame, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav, wav_bytes
from lineside.engines import openai_http, openai_transcribe
from lineside.text.normalize import said as said_aloud
from tests.browser.conftest import OpenPage
from tests.browser.page_checks import phase, played_out, said, until
from tests.browser.sounds import event_times, played, recording, silence
from tests.real_gateway import Stack

pytestmark = [pytest.mark.browser, pytest.mark.models]

AUDIO = Path(__file__).parents[3] / "shared" / "audio"
QUESTION = AUDIO / "order_status.wav"
WORDS = "I'd like to check my order status please"
GREETED = 6.0  # seconds; the greeting takes half of it
PATIENCE = 90.0  # seconds; real models on a shared machine
STOPS = 0.1  # seconds from the decision to silence, at most
ENOUGH = 0.8  # of the words; the rest is what recognisers get wrong


def test_a_question_spoken_into_the_page_is_answered_from_its_loudspeaker(
    stack: Stack, visit: OpenPage, tmp_path: Path
) -> None:
    """What the caller asked stands on the page, and what stands there as the answer is what was to be heard."""
    if not QUESTION.is_file():
        pytest.skip(f"no spoken question: {QUESTION.name} is not beside the repository in shared/audio")
    mic = recording(tmp_path / "mic.wav", [silence(GREETED), read_wav(QUESTION), silence(8)])
    page = visit(stack.url, mic=mic, record=True)
    page.click("#talk")
    until(page, "tap.events.some(e => e.type === 'transcript')", PATIENCE)
    until(page, "tap.events.some(e => e.type === 'reply_metrics' && e.e2e_ms !== null)", PATIENCE)
    phase(page, "listening")
    page.wait_for_timeout(300)  # the page is a little behind the gateway's ledger

    (_, question), (_, answer) = said(page)[-2:]
    assert overlap(WORDS, question) >= ENOUGH, f"the page understood {question!r}"
    assert answer
    sound = played_out(page).between(event_times(page, "audio_started")[-1], event_times(page, "audio_done")[-1] + 0.3)
    (tmp_path / "answer.wav").write_bytes(wav_bytes(sound.pcm, sound.rate))
    heard = transcribed(stack.engine_url, sound)
    assert overlap(answer, heard) >= ENOUGH, f"the page shows {answer!r} and {heard!r} was heard"


def test_a_caller_who_talks_over_the_answer_is_heard(stack: Stack, visit: OpenPage) -> None:
    """With the real models: the sound stops, what was not heard is struck through, the new question is understood."""
    stop, question = AUDIO / "check_order_12345.wav", AUDIO / "help_me.wav"
    for file in (stop, question):
        if not file.is_file():
            pytest.skip(f"no spoken question: {file.name} is not beside the repository in shared/audio")
    page = visit(stack.url, record=True)
    page.fill("#words", "Please tell me about your opening hours, and about delivery, returns and payment.")
    page.press("#words", "Enter")
    until(page, "tap.events.some(e => e.type === 'agent_words' && !e.filler)", PATIENCE)
    page.set_input_files("#file", stop)
    until(page, "tap.events.some(e => e.type === 'barge_in')", PATIENCE)
    until(page, "tap.events.some(e => e.type === 'transcript' && e.turn === 2)", PATIENCE)
    until(page, "tap.events.some(e => e.type === 'audio_started' && e.turn === 2)", PATIENCE)
    stopped = event_times(page, "barge_in")[0]
    again = page.evaluate("tap.events.find(e => e.type === 'audio_started' && e.turn === 2).time")
    assert not any(played(page).between(stopped + STOPS, again - 0.1).pcm)
    page.wait_for_selector("#lines del")
    assert "12345" in "".join(c for c in said(page)[2][1] if c.isalnum())


def overlap(meant: str, got: str) -> float:
    """The share of the words of the one that are in the other, numbers as they are said."""
    wanted, there = (Counter(_words(text)) for text in (meant, got))
    return (wanted & there).total() / wanted.total()


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "'" else " " for c in said_aloud(text).lower()).split()


def transcribed(engine_url: str, sound: AudioFrame) -> str:
    """What the recogniser hears in it."""
    resampler = InputResampler(sound.rate, STT_RATE)
    pcm = resampler.feed(sound.pcm) + resampler.end()

    async def ask() -> str:
        place = openai_http.Endpoint("the recogniser", engine_url)
        async with aiohttp.ClientSession() as http:
            return (await openai_transcribe.transcribe(http, place, Utterance(pcm, 0.0, 0.0))).text

    with ThreadPoolExecutor(1) as apart:  # playwright's loop runs in this thread
        return apart.submit(asyncio.run, ask()).result()
