"""Work that never ends: no fault ends it for good, and none goes unseen."""

import asyncio
import threading

import pytest

from lineside.processes.background_work import BackgroundWork
from tests.virtual_time import run


def test_a_task_that_fails_is_begun_again_and_told() -> None:
    """Faults that nobody thought of, and an end that should not be: counted, told, and well again after a minute."""

    async def story() -> None:
        clock = asyncio.get_running_loop().time
        counted: list[str] = []
        work = BackgroundWork(counted.append, clock)
        begun = list[float]()

        async def watch() -> None:
            begun.append(clock())
            if len(begun) == 1:
                raise OSError(24, "Too many open files")
            if len(begun) == 2:
                return
            if len(begun) == 3:
                raise ZeroDivisionError("words of a caller")
            await asyncio.Event().wait()

        task = asyncio.create_task(work.keep("watch", watch))
        await asyncio.sleep(30)
        assert begun == pytest.approx([0, 0.25, 0.75, 1.75])
        assert counted == ["watch"] * 3
        (fault,) = work.faults
        assert (fault.work, fault.times) == ("watch", 3)
        assert fault.fault.startswith("ZeroDivisionError in watch, test_background_work.py:")
        assert "caller" not in fault.fault
        await asyncio.sleep(60)
        assert work.faults == []
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(story())


def test_a_thread_that_fails_goes_on() -> None:
    """The next piece of work is done by it as if nothing had been."""
    work, done, runs = BackgroundWork(), threading.Event(), list[int]()

    def write() -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            raise OSError(24, "Too many open files")
        done.set()

    thread = work.thread("archive", write)
    assert done.wait(5)
    thread.join(5)
    assert not thread.is_alive()
    assert [(fault.work, fault.times) for fault in work.faults] == [("archive", 1)]
    assert "OSError (Too many open files) in write" in work.faults[0].fault


def test_what_is_over_is_not_begun_again() -> None:
    """A task or a thread that fails while its process stops ends; the fault is told all the same."""

    async def story() -> None:
        over = False
        work = BackgroundWork(clock=asyncio.get_running_loop().time)

        async def watch() -> None:
            nonlocal over
            over = True
            raise OSError

        await work.keep("watch", watch, lambda: over)
        assert [fault.times for fault in work.faults] == [1]

    run(story())

    def fails() -> None:
        raise OSError

    work = BackgroundWork()
    thread = work.thread("archive", fails, over=lambda: True)
    thread.join(5)
    assert not thread.is_alive()
    assert [fault.work for fault in work.faults] == ["archive"]


def test_a_fault_that_does_not_end_the_work_is_told_too() -> None:
    """What a loop catches itself is noted by it; old faults do not add up with new ones."""
    now = 0.0
    work = BackgroundWork(clock=lambda: now)
    for now in (0.0, 1.0, 2.0, 100.0):  # noqa: B007 - read by the clock
        work.note("trends", ValueError())
    assert [fault.times for fault in work.faults] == [1]
