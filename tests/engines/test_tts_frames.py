"""Sound that cannot be the sentence is turned away, and before anybody hears it where that can be."""

import asyncio
from array import array
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.audio.frame import Sound
from lineside.audio.wav import wav_bytes, wav_header
from lineside.engines.tts_frames import FrameCutter, sounds
from lineside.errors import EngineError
from tests.engines.fixtures import all_of
from tests.fakes import speech

SENTENCE = "Your router restarts in thirty seconds."
RATE = 16_000


def made(*pieces: bytes, rate: int | None = RATE, sentence: str = SENTENCE) -> list[Sound]:
    async def stream() -> AsyncGenerator[bytes, None]:
        for piece in pieces:
            yield piece

    return asyncio.run(all_of(sounds("it", sentence, stream(), rate)))


@given(st.lists(st.integers(1, 30_000), max_size=10))
def test_cut_anywhere_it_is_the_same_sound(places: list[int]) -> None:
    """In the middle of samples too: the same samples, and every word ends at the same one."""
    pcm = speech(SENTENCE, RATE)
    marks = sorted({0, len(pcm), *places})
    pieces = [pcm[a:b] for a, b in pairwise(marks)]
    assert told(made(*pieces)) == told(made(pcm))


def told(spoken: list[Sound]) -> tuple[bytes, list[tuple[int, str]]]:
    """The samples, and where the words end in them."""
    pcm, ends = b"", []
    for sound in spoken:
        assert sound.frame.at == pytest.approx(len(pcm) / 2 / RATE)
        pcm += sound.frame.pcm
        if sound.says:
            ends.append((len(pcm), sound.says))
    return pcm, ends


def test_what_is_there_at_once_goes_on_in_a_few_longer_pieces() -> None:
    """A tenth of a second at the most, and words end where a piece ends; a frame that comes alone goes on alone."""
    pcm = speech(SENTENCE, RATE)
    spoken = made(pcm)
    assert max(sound.frame.seconds for sound in spoken) == pytest.approx(0.1)
    assert len(spoken) < len(pcm) / 640 / 2
    assert told(spoken) == told([sound for frame in _frames(pcm) for sound in frame])
    assert made(*(pcm[at : at + 640] for at in range(0, len(pcm), 640)))[3].frame.seconds == 0.02


def _frames(pcm: bytes) -> list[list[Sound]]:
    """One by one, as the cut gives them."""
    cut = FrameCutter("it", SENTENCE, RATE, None)
    return [cut.feed(pcm), cut.end()]


def test_a_pause_before_the_first_word_is_kept_and_in_its_place() -> None:
    """It is held until something can be heard, and then goes on whole."""
    pcm = bytes(RATE) + speech(SENTENCE, RATE)
    spoken = made(pcm)
    assert b"".join(sound.frame.pcm for sound in spoken) == pcm
    assert spoken[1].frame.at == pytest.approx(0.1)


def test_nothing_goes_on_before_something_can_be_heard() -> None:
    """So that another voice can still say all of it."""
    cut = FrameCutter("it", SENTENCE, RATE, None)
    assert cut.feed(bytes(3 * RATE)) == []
    assert len(cut.feed(speech("hello", RATE))) > 50


@pytest.mark.parametrize("rate", [0, 1, 7999, 48_001, 96_000, 10**9])
def test_rates_that_no_voice_has_are_refused(rate: int) -> None:
    """8 to 48 kHz."""
    with pytest.raises(EngineError, match="Hz; 8000 to 48000 are possible"):
        made(speech(SENTENCE, RATE), rate=rate)


@pytest.mark.parametrize(
    ("pieces", "rate", "says"),
    [
        ([], RATE, "no sound at all"),
        ([b"\x01"], RATE, "no sound at all"),
        ([wav_header(RATE)], None, "no sound at all"),
        ([bytes(4 * RATE)], RATE, "2.0 s of silence"),
        ([array("h", [3, -3] * RATE).tobytes()], RATE, "2.0 s of silence"),
        ([speech("no", RATE)], RATE, "0.13 s of sound, too little for the words"),
        ([wav_bytes(speech("no", RATE), RATE)], None, "0.13 s of sound, too little for the words"),
        ([wav_header(RATE) + speech("no", RATE)], None, "0.13 s of sound, too little for the words"),
        ([speech("no", RATE)] * 200, RATE, "more than 20 s of sound, too much for the words"),
        ([wav_header(RATE, 10**9)], None, "more than 20 s of sound, too much for the words"),
    ],
)
def test_sound_that_cannot_be_the_sentence_is_a_failure(pieces: list[bytes], rate: int | None, says: str) -> None:
    """Nothing, silence, a crackle, an hour of noise; told by its length or by its end."""
    with pytest.raises(EngineError, match=f"it (answered with|gave) {says}"):
        made(*pieces, rate=rate)


def test_a_stream_without_end_is_left_where_it_is_too_long() -> None:
    """The rest is not waited for."""

    async def for_ever() -> AsyncGenerator[bytes, None]:
        while True:
            yield speech("hello", RATE)

    with pytest.raises(EngineError, match="more than 6 s of sound, too much for the words"):
        asyncio.run(all_of(sounds("it", "Yes.", for_ever(), RATE)))


@pytest.mark.parametrize("sentence", ["I", "Yes.", "One, two, three; four!", "x" * 300])
@pytest.mark.parametrize("pace", [0.3, 1.0, 4.0])
def test_a_fast_or_slow_speaker_is_believed(sentence: str, pace: float) -> None:
    """From a third of the ordinary pace to four times that."""
    pcm = speech("x" * max(1, round(len(sentence) / pace)), RATE)
    assert " ".join(sound.says for sound in made(pcm, sentence=sentence) if sound.says) == sentence
