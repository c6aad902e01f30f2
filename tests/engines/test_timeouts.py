"""An engine that says nothing is given up, whoever waits for it; nobody else is disturbed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from lineside.engines.timeouts import in_time
from lineside.errors import EngineTimeout
from tests.virtual_time import run


async def words(*waits: float) -> AsyncGenerator[str, None]:
    for number, wait in enumerate(waits):
        await asyncio.sleep(wait)
        yield str(number)


def test_a_stream_that_goes_on_in_time_is_passed_on() -> None:
    async def heard() -> list[str]:
        return [word async for word in in_time(words(1.9, 0.4, 0.4), first=2.0, later=0.5, who="the model")]

    assert run(heard()) == ["0", "1", "2"]


@pytest.mark.parametrize(("waits", "heard"), [((2.1,), []), ((1.0, 0.4, 0.6), ["0", "1"])], ids=["first", "later"])
def test_a_word_that_is_late_ends_the_stream(waits: tuple[float, ...], heard: list[str]) -> None:
    async def listen() -> list[str]:
        found: list[str] = []

        async def read() -> None:
            async for word in in_time(words(*waits), first=2.0, later=0.5, who="the model"):
                found.append(word)  # noqa: PERF401 - what came before the fault is looked at

        with pytest.raises(EngineTimeout, match="the model said nothing for"):
            await read()
        return found

    assert run(listen()) == heard


def test_what_the_reader_does_between_two_words_takes_none_of_their_time() -> None:
    async def heard() -> list[str]:
        found: list[str] = []
        async for word in in_time(words(0.1, 0.4), first=2.0, later=0.5, who="the model"):
            found.append(word)
            await asyncio.sleep(10)
        return found

    assert run(heard()) == ["0", "1"]


def test_each_word_may_be_read_by_another_task_and_only_that_which_waits_hears_of_a_late_one() -> None:
    async def listen() -> tuple[str, bool]:
        stream = in_time(words(0.1, 0.6), first=2.0, later=0.5, who="the model")
        finished = asyncio.Event()

        async def first() -> str:
            word = await anext(stream)
            await finished.wait()
            return word

        async with aclosing(stream):
            reader = asyncio.create_task(first())
            await asyncio.sleep(0.2)
            with pytest.raises(EngineTimeout):
                await asyncio.create_task(anext(stream))
            finished.set()
            return await reader, reader.cancelled()

    assert run(listen()) == ("0", False)


def test_a_reader_that_others_cancel_is_cancelled() -> None:
    async def listen() -> bool:
        async def read() -> None:
            async for _ in in_time(words(1.0), first=2.0, later=0.5, who="the model"):
                pass

        reader = asyncio.create_task(read())
        await asyncio.sleep(0.5)
        reader.cancel()
        await asyncio.wait([reader])
        return reader.cancelled()

    assert run(listen())
