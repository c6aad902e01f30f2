"""A gateway that is to stop loses no call."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from lineside.errors import CallRefused
from lineside.gateway.call_registry import CallRegistry
from lineside.gateway.drain import HEARD_OUT, Drain
from tests.gateway.test_call_registry import answered
from tests.virtual_time import run


@asynccontextmanager
async def draining(registry: CallRegistry) -> AsyncGenerator[Drain, None]:
    drain = Drain(registry)
    watching = asyncio.create_task(drain.run())
    try:
        yield drain
    finally:
        watching.cancel()


def test_no_call_is_taken_and_those_that_are_up_go_on() -> None:
    """Until they end by themselves, however long that takes."""

    async def story() -> None:
        registry = CallRegistry(2)
        slot, call = answered(registry)
        async with draining(registry) as drain:
            drain.begin(None)
            assert not registry.has_room
            with pytest.raises(CallRefused, match="the gateway drains"):
                registry.admit()
            await asyncio.sleep(100_000)
            assert call.reason == ""
            assert (drain.status().calls, drain.status().seconds_left) == (1, None)
            registry.free(slot)
            await registry.empty()

    run(story())


def test_a_call_that_outlasts_its_time_is_told_goodbye_once() -> None:
    """At the moment that was said, and not before."""

    async def story() -> None:
        registry = CallRegistry(2)
        slot, call = answered(registry)
        async with draining(registry) as drain:
            drain.begin(30.0)
            await asyncio.sleep(29.9)
            assert (call.reason, drain.status().seconds_left) == ("", 0.1)
            await asyncio.sleep(0.2)
            assert call.reason == "drained"
            call.reason = ""
            await asyncio.sleep(100.0)
            assert call.reason == ""  # told once: a second word would cut the goodbye off
            registry.free(slot)

    run(story())


def test_calls_are_taken_again_where_nobody_wants_it_to_stop() -> None:
    """Then nobody is told goodbye either; a drain that is begun anew has its own time."""

    async def story() -> None:
        registry = CallRegistry(3)
        _, call = answered(registry)
        async with draining(registry) as drain:
            drain.begin(10.0)
            await asyncio.sleep(5.0)
            drain.undo()
            answered(registry)
            await asyncio.sleep(100.0)
            assert call.reason == ""
            drain.begin(10.0)
            await asyncio.sleep(5.0)
            drain.begin(20.0)
            await asyncio.sleep(19.0)
            assert call.reason == ""
            await asyncio.sleep(2.0)
            assert call.reason == "drained"

    run(story())


def test_a_stop_waits_for_the_last_call_and_no_longer() -> None:
    """It is over as soon as no call is left; calls that do not end are cut off after their goodbye."""

    async def story() -> None:
        registry, clock = CallRegistry(2), asyncio.get_running_loop().time
        async with draining(registry) as drain:
            began = clock()
            await drain.over(300.0)
            assert clock() == began  # nobody is there
            drain.undo()
            slot, call = answered(registry)
            asyncio.get_running_loop().call_later(42.0, registry.free, slot)
            await drain.over(300.0)
            assert (clock() - began, call.reason) == (42.0, "")
        registry = CallRegistry(2)
        _, call = answered(registry)
        async with draining(registry) as drain:
            began = clock()
            await drain.over(300.0)
            assert (clock() - began, call.reason) == (300.0 + HEARD_OUT, "drained")

    run(story())
