"""Sound between synthesis and playout: in order, in the reader's size, bounded in seconds."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from lineside.audio.frame import SpokenAudio
from lineside.call.audio_buffer import AudioBuffer
from tests.virtual_time import run

RATE = 8000
STRETCHES = st.lists(
    st.builds(
        lambda samples, ends, rate: SpokenAudio(
            bytes(2 * samples), rate, tuple((min(at, samples), f"{number} ") for number, at in enumerate(sorted(ends)))
        ),
        st.integers(0, 5000),
        st.lists(st.integers(0, 5000), max_size=3),
        st.sampled_from([RATE, 2 * RATE]),
    ),
    max_size=12,
)


def marked(spoken: list[SpokenAudio]) -> list[tuple[int, int, str]]:
    """Each word with the samples of the whole before its end, and the bytes so far."""
    before, found = 0, []
    for audio in spoken:
        found += [(audio.rate, before + at, word) for at, word in audio.words]
        before += audio.samples
    return found


@given(STRETCHES, st.floats(0.001, 1.0), st.floats(0.01, 0.5))
def test_what_is_taken_is_what_was_put(given: list[SpokenAudio], limit: float, size: float) -> None:
    """Every sample and every word once, in order, whatever the sizes; never more at once than was asked for."""

    async def story() -> list[SpokenAudio]:
        buffer = AudioBuffer(limit)

        async def write() -> None:
            for audio in given:
                await buffer.put(audio)
            buffer.close()

        writing = asyncio.create_task(write())
        taken = []
        while (audio := await buffer.take(size)) is not None:
            assert audio.samples <= max(1, round(size * audio.rate))
            taken.append(audio)
        await writing
        return taken

    taken = run(story())
    assert b"".join(audio.pcm for audio in taken) == b"".join(audio.pcm for audio in given)
    assert marked(taken) == marked(given)


def test_the_writer_waits_while_there_is_enough() -> None:
    """And goes on when some of it has been taken."""

    async def story() -> None:
        buffer, second = AudioBuffer(1.0), SpokenAudio(bytes(2 * RATE), RATE)
        await buffer.put(second)
        waiting = asyncio.create_task(buffer.put(second))
        await asyncio.sleep(10)
        assert not waiting.done()
        assert (await buffer.take(0.2) or second).seconds == 0.2
        await waiting

    run(story())


def test_a_reader_who_waits_in_vain_loses_nothing() -> None:
    """A deadline on `take` is a wait that was given up, and no sound."""

    async def story() -> None:
        buffer, sound = AudioBuffer(1.0), SpokenAudio(bytes(200), RATE, ((100, "yes"),))
        try:
            async with asyncio.timeout(1):
                await buffer.take(0.2)
        except TimeoutError:
            await buffer.put(sound)
        assert await buffer.take(0.2) == sound
        buffer.close()
        assert await buffer.take(0.2) is None

    run(story())
