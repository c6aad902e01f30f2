"""One reading for many askers, and a driver that hangs."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from lineside.host.machine import MachineReader, read, readings
from lineside.host.machine.values import Gpu

CARD = Gpu(0, "amd", "a card", 100, 50)
WORKSTATION = Path(__file__).with_name("sysfs") / "workstation"


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 300), debug=True)


def test_many_askers_share_one_reading() -> None:
    """A hundred pages that look at once cost one look at the cards."""
    looks: list[str] = []

    def cards() -> readings.Cards:
        looks.append(threading.current_thread().name)
        return (CARD,), ""

    async def main() -> None:
        shared = MachineReader(cards=cards)
        told = await asyncio.gather(*(shared.latest() for _ in range(100)))
        assert {id(machine) for machine in told} == {id(told[0])}
        assert told[0].gpus == (CARD,)

    run(main())
    assert looks == ["machine"]


def test_a_reading_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time the cards are read again."""
    looks: list[int] = []

    def cards() -> readings.Cards:
        looks.append(1)
        return (), ""

    async def main() -> None:
        monkeypatch.setattr(readings, "FRESH", 0.0)
        shared = MachineReader(cards=cards)
        first, second = await shared.latest(), await shared.latest()
        assert second.at >= first.at

    run(main())
    assert len(looks) == 2


def test_a_driver_that_hangs_costs_two_seconds_and_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is told with a note and the cards as they were; it is not asked again until it has answered."""
    monkeypatch.setattr(readings, "FRESH", 0.0)
    answers, looks = threading.Event(), []

    def cards() -> readings.Cards:
        looks.append(1)
        if len(looks) == 2:
            answers.wait(60)
        return (CARD,), ""

    async def main() -> None:
        shared = MachineReader(cards=cards)
        assert (await shared.latest()).note == ""
        monkeypatch.setattr(readings, "PATIENCE", 0.05)
        for _ in range(3):
            machine = await shared.latest()
            assert (machine.note, machine.gpus) == (readings.DRIVER_SILENT, (CARD,))
            assert machine.ram.total_bytes > 0
        assert len(looks) == 2
        answers.set()
        monkeypatch.setattr(readings, "PATIENCE", 60.0)
        assert (await shared.latest()).note == ""

    run(main())


def test_whoever_leaves_does_not_spoil_it_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who waited first is cancelled; the next gets the reading that was under way."""
    answers, looks = threading.Event(), []

    def cards() -> readings.Cards:
        looks.append(1)
        answers.wait(60)
        return (CARD,), ""

    async def main() -> None:
        monkeypatch.setattr(readings, "PATIENCE", 60.0)
        shared = MachineReader(cards=cards)
        first = asyncio.create_task(shared.latest())
        second = asyncio.create_task(shared.latest())
        while not looks:  # noqa: ASYNC110 - the thread that is waited for has no event of the loop's
            await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.wait({first})
        answers.set()
        assert (await second).gpus == (CARD,)

    run(main())
    assert len(looks) == 1


def test_the_load_is_that_between_two_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of ten processor seconds spent are thirty percent."""
    spent = iter([(100.0, 1000.0), (103.0, 1010.0), (103.0, 1010.0)])
    monkeypatch.setattr(readings, "_cpu_seconds", lambda: next(spent))
    monkeypatch.setattr(readings, "FRESH", 0.0)

    async def main() -> None:
        shared = MachineReader(cards=lambda: ((), ""))
        assert (await shared.latest()).cpu.percent == 30.0
        assert (await shared.latest()).cpu.percent == 0.0

    run(main())


def test_a_machine_without_cards_says_so(tmp_path: Path) -> None:
    """No card is a normal answer, with a note."""
    machine = read(tmp_path)
    assert (machine.gpus, machine.note) == ((), readings.NO_GPU)
    assert abs(machine.at - time.time()) < 20


def test_the_cards_of_a_tree_are_in_the_reading() -> None:
    """The workstation's two AMD cards, and no note."""
    machine = read(WORKSTATION)
    assert [gpu.index for gpu in machine.gpus if gpu.vendor == "amd"] == [1, 2]
    assert machine.note == ""
