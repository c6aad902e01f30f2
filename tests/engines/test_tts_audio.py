"""Sound that cannot be the sentence is turned away, and before anybody hears it where that can be."""

import asyncio
from array import array
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.audio.frame import SpokenAudio
from lineside.audio.wav import wav_bytes, wav_header
from lineside.engines.tts_audio import SpeechReader, spoken_audio, word_ends
from lineside.errors import EngineError
from tests.engines.fixtures import all_of
from tests.fakes import speech

SENTENCE = "Your router restarts in thirty seconds."
RATE = 16_000


def made(*pieces: bytes, rate: int | None = RATE, sentence: str = SENTENCE) -> list[SpokenAudio]:
    async def stream() -> AsyncGenerator[bytes, None]:
        for piece in pieces:
            yield piece

    return asyncio.run(all_of(spoken_audio("it", sentence, stream(), rate)))


def told(spoken: list[SpokenAudio]) -> tuple[bytes, list[tuple[int, str]]]:
    """The samples, and where the words end in them."""
    pcm, ends = b"", list[tuple[int, str]]()
    for audio in spoken:
        assert len(audio.pcm) % 2 == 0
        assert all(0 <= at <= audio.samples for at, _ in audio.words)
        ends += [(len(pcm) // 2 + at, word) for at, word in audio.words]
        pcm += audio.pcm
    return pcm, ends


@given(st.lists(st.integers(1, 30_000), max_size=10))
def test_cut_anywhere_it_is_the_same_sound(places: list[int]) -> None:
    """In the middle of samples too: the same samples, and every word ends at the same one."""
    pcm = speech(SENTENCE, RATE)
    marks = sorted({0, len(pcm), *places})
    pieces = [pcm[a:b] for a, b in pairwise(marks)]
    assert told(made(*pieces)) == told(made(pcm))


@given(st.lists(st.integers(1, 30_000), max_size=10))
def test_a_wav_that_tells_its_length_marks_the_same_samples_wherever_it_is_cut(places: list[int]) -> None:
    """And the last word ends with the last sample."""
    pcm = speech(SENTENCE, RATE)
    wav = wav_bytes(pcm, RATE)
    marks = sorted({0, len(wav), *(place for place in places if place < len(wav))})
    samples, ends = told(made(*(wav[a:b] for a, b in pairwise(marks)), rate=None))
    assert samples == pcm
    assert ends == told(made(wav, rate=None))[1]
    assert ends[-1] == (len(pcm) // 2, "seconds.")


def test_words_are_shared_out_by_their_letters() -> None:
    """Each ends where its letters, and the space after it, have been said; of a second two thirds are "longer"."""
    assert word_ends("ab cdefg", RATE, 2 * RATE) == [(5333, "ab"), (RATE, "cdefg")]


def test_what_is_there_at_once_goes_on_at_once() -> None:
    """A stretch for each piece of bytes, and one without samples that says the words that were left."""
    pcm = speech(SENTENCE, RATE)
    *sound, last = made(pcm)
    assert [audio.pcm for audio in sound] == [pcm]
    assert (last.pcm, last.words) == (b"", ((0, "seconds."),))


def test_a_pause_before_the_first_word_is_kept_and_in_its_place() -> None:
    """It is held until something can be heard, and then goes on whole."""
    pcm = bytes(RATE) + speech(SENTENCE, RATE)
    spoken = made(pcm[:640], pcm[640:32_000], pcm[32_000:])
    assert b"".join(audio.pcm for audio in spoken) == pcm
    assert len(spoken[0].pcm) == 32_000


def test_nothing_goes_on_before_something_can_be_heard() -> None:
    """So that another voice can still say all of it."""
    reader = SpeechReader("it", SENTENCE, RATE, None)
    assert reader.feed(bytes(3 * RATE)) is None
    heard = reader.feed(speech("hello", RATE))
    assert heard is not None
    assert heard.seconds > 1.5


@pytest.mark.parametrize("rate", [0, 1, 7999, 48_001, 96_000, 10**9])
def test_rates_that_no_voice_has_are_refused(rate: int) -> None:
    """8 to 48 kHz."""
    with pytest.raises(EngineError, match="Hz; supported: 8000 to 48000"):
        made(speech(SENTENCE, RATE), rate=rate)


@pytest.mark.parametrize(
    ("pieces", "rate", "says"),
    [
        ([], RATE, "returned no audio"),
        ([b"\x01"], RATE, "returned no audio"),
        ([wav_header(RATE)], None, "returned no audio"),
        ([bytes(4 * RATE)], RATE, "2.0 s of silence"),
        ([array("h", [3, -3] * RATE).tobytes()], RATE, "2.0 s of silence"),
        ([speech("no", RATE)], RATE, "0.13 s of audio, too little for the text"),
        ([wav_bytes(speech("no", RATE), RATE)], None, "0.13 s of audio, too little for the text"),
        ([wav_header(RATE) + speech("no", RATE)], None, "0.13 s of audio, too little for the text"),
        ([speech("no", RATE)] * 200, RATE, "more than 20 s of audio, too much for the text"),
        ([wav_header(RATE, 10**9)], None, "more than 20 s of audio, too much for the text"),
    ],
)
def test_sound_that_cannot_be_the_sentence_is_a_failure(pieces: list[bytes], rate: int | None, says: str) -> None:
    """Nothing, silence, a crackle, an hour of noise; told by its length or by its end."""
    with pytest.raises(EngineError, match=f"it (returned |gave )?{says}"):
        made(*pieces, rate=rate)


def test_a_stream_without_end_is_left_where_it_is_too_long() -> None:
    """The rest is not waited for."""

    async def for_ever() -> AsyncGenerator[bytes, None]:
        while True:
            yield speech("hello", RATE)

    with pytest.raises(EngineError, match="more than 6 s of audio, too much for the text"):
        asyncio.run(all_of(spoken_audio("it", "Yes.", for_ever(), RATE)))


@pytest.mark.parametrize("sentence", ["I", "Yes.", "One, two, three; four!", "x" * 300])
@pytest.mark.parametrize("pace", [0.3, 1.0, 4.0])
def test_a_fast_or_slow_speaker_is_believed(sentence: str, pace: float) -> None:
    """From a third of the ordinary pace to four times that."""
    pcm = speech("x" * max(1, round(len(sentence) / pace)), RATE)
    assert " ".join(word for _, word in told(made(pcm, sentence=sentence))[1]) == sentence


def test_three_files_in_a_row_are_all_heard_and_no_word_before_its_sound() -> None:
    """Half a second, half a second, a second: the first one's length says nothing of where the words end."""
    sound = (speech(SENTENCE, RATE) * 4)[: 2 * 2 * RATE]
    half = RATE  # bytes of half a second
    files = [wav_bytes(piece, RATE) for piece in (sound[:half], sound[half : 2 * half], sound[2 * half :])]
    samples, ends = told(made(*files, rate=None))
    assert samples == sound
    assert " ".join(word for _, word in ends) == SENTENCE
    assert [word for at, word in ends if at <= RATE // 2] == ["Your"], "half a second holds no more of it"
    assert ends[-1][0] == len(samples) // 2
