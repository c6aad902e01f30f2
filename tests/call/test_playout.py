"""Playout: what was heard is known to the sample, however the sound came and wherever it was stopped."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lineside.audio.frame import SpokenAudio
from lineside.call.clock import LineClock
from lineside.call.playout import Playout
from lineside.call.playout_marks import LEAD
from lineside.transports.scripted import ScriptedTransport
from tests.virtual_time import run

RATE = 16_000
WORDS = ("one ", "two ", "three ", "four ", "five ")
SECONDS = 2.5
ENDS = tuple(round(SECONDS * RATE * share) for share in (0.1, 0.3, 0.55, 0.8, 1.0))


def spoken(rate: int = RATE) -> SpokenAudio:
    """Two and a half seconds in which no sample follows another by chance, with five words."""
    samples = round(SECONDS * rate)
    pcm = b"".join(int(n % 20_000).to_bytes(2, "little") for n in range(samples))
    return SpokenAudio(pcm, rate, tuple((at * rate // RATE, word) for at, word in zip(ENDS, WORDS, strict=True)))


def chunks(whole: SpokenAudio, places: list[float]) -> list[SpokenAudio]:
    """The same sound, cut at these shares of it."""
    marks = sorted({0, whole.samples, *(round(place * whole.samples) for place in places)})
    return [whole.between(begin, end) for begin, end in pairwise(marks)]


async def played(
    given: list[SpokenAudio], stops: tuple[float, ...] = (), cut: float | None = None
) -> tuple[list[tuple[str, float]], list[str], ScriptedTransport]:
    """The words told, what was heard every 50 ms, and the line; held at these moments for 0.3 s each."""
    now = asyncio.get_running_loop().time
    line, told, heard = ScriptedTransport([]), list[tuple[str, float]](), list[str]()
    playout = Playout(
        line,
        LineClock(now, 0.0),
        lambda gap: None,
        lambda words: told.extend((word, round(ends, 6)) for word, ends in words),
    )

    async def play() -> None:
        for audio in given:
            await playout.play(audio)
        await playout.drain()

    async def stop() -> None:
        for moment in stops:
            await asyncio.sleep(moment)
            playout.pause()
            await asyncio.sleep(0.3)
            playout.resume()
        if cut is not None:
            await asyncio.sleep(cut)
            playout.cut()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(play())
        tasks.create_task(stop())
        await asyncio.sleep(0.013)  # at no moment at which a word ends: sums of floats decide there
        while len(told) < len(WORDS) or playout.ahead() > 0:
            heard.append(playout.heard())
            await asyncio.sleep(0.05)
            if len(heard) > 200:
                break
    return told, [*heard, playout.heard()], line


PLACES = st.lists(st.floats(0, 1), max_size=30)


@settings(max_examples=40)
@given(PLACES)
def test_any_chunking_gives_the_same_words_heard(places: list[float]) -> None:
    """The same words, told with the same ends, heard at the same moments, in the same samples."""
    told, heard, line = run(played(chunks(spoken(), places)))
    assert told == [(word, round(at / RATE, 6)) for at, word in zip(ENDS, WORDS, strict=True)]
    assert heard == run(played([spoken()]))[1]
    assert bytes(line.played) == spoken().pcm


@settings(max_examples=20)
@given(PLACES, st.sampled_from([8_000, 22_050, 24_000, 44_100, 48_000]))
def test_a_word_ends_where_it_does_at_any_rate(places: list[float], rate: int) -> None:
    """To the sample, whatever the chunks and whatever the filter holds back."""
    told, _, _ = run(played(chunks(spoken(rate), places)))
    assert [word for word, _ in told] == list(WORDS)
    for (_, ends), at in zip(told, ENDS, strict=True):
        assert ends == pytest.approx(at / RATE, abs=2 / RATE)


@settings(max_examples=40)
@given(PLACES, st.lists(st.floats(0.01, 0.8), max_size=3))
def test_sound_that_is_held_goes_on_from_its_very_sample(places: list[float], stops: list[float]) -> None:
    """No sample is lost or said twice, no word either, however often it is held."""
    told, heard, line = run(played(chunks(spoken(), places), stops=tuple(stops)))
    assert bytes(line.played) == spoken().pcm
    assert heard[-1] == "".join(WORDS)
    assert [word for word, _ in told] == list(WORDS)
    assert all(later.startswith(earlier) for earlier, later in pairwise(heard))


@settings(max_examples=40)
@given(PLACES, st.floats(0.0, SECONDS))
def test_sound_that_is_cut_was_heard_as_far_as_it_was_played(places: list[float], cut: float) -> None:
    """The words that had ended by then, and no more."""
    assume(all(abs(at / RATE - cut) > 1e-6 for at in ENDS))
    _, heard, _ = run(played(chunks(spoken(), places), cut=cut))
    assert heard[-1] == "".join(word for at, word in zip(ENDS, WORDS, strict=True) if at / RATE <= cut)


def test_a_long_stretch_is_sent_no_further_ahead_than_a_short_one() -> None:
    """Ten seconds from a voice's memory go out at the pace at which they are heard."""

    async def story() -> float:
        now = asyncio.get_running_loop().time
        playout = Playout(ScriptedTransport([]), LineClock(now, 0.0), lambda gap: None)
        playing = asyncio.create_task(playout.play(SpokenAudio(bytes(20 * RATE), RATE)))
        most = 0.0
        while not playing.done():
            most = max(most, playout.ahead())
            await asyncio.sleep(0.01)
        return most

    assert run(story()) <= LEAD + 1e-6
