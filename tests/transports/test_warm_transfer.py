"""A warm transfer: music for the caller, a summary for the colleague, joined by a key; else the caller is back."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from lineside.errors import TransportError
from lineside.transports.line_control import TransferOutcome
from lineside.transports.warm_transfer import (
    CallerGone,
    ColleagueAnswered,
    ColleagueGone,
    ColleagueKey,
    Joined,
    LineFailed,
    WarmEvent,
    WarmRules,
    WarmStep,
    WarmTransfer,
    WhisperDone,
)
from lineside.transports.warm_transfer_run import MOST_EVENTS, WarmTransferRun
from tests.virtual_time import run

RULES = WarmRules()
EVENTS: tuple[WarmEvent, ...] = (
    ColleagueAnswered(),
    ColleagueGone("busy"),
    ColleagueGone(),
    WhisperDone(),
    ColleagueKey("1"),
    ColleagueKey("2"),
    ColleagueKey("7"),
    Joined(),
    CallerGone(),
    LineFailed("no"),
)


def test_the_two_are_joined_once_the_colleague_has_pressed_1() -> None:
    """Not before: who only answers may be a machine."""
    transfer = WarmTransfer(RULES)
    assert transfer.begin(0.0) == ("hold_caller", "dial_colleague")
    assert transfer.feed(ColleagueKey("1"), 1.0) == ()
    assert transfer.feed(ColleagueAnswered(), 5.0) == ("whisper",)
    assert transfer.feed(WhisperDone(), 12.0) == ()
    assert transfer.feed(ColleagueKey("1"), 13.0) == ("join",)
    assert transfer.outcome is None
    assert transfer.feed(Joined(), 13.1) == ()
    assert transfer.outcome == TransferOutcome("transferred")


def test_a_colleague_who_knows_enough_takes_the_call_in_the_middle_of_the_summary() -> None:
    """Then the rest of it is not said."""
    transfer = WarmTransfer(RULES)
    transfer.begin(0.0)
    transfer.feed(ColleagueAnswered(), 5.0)
    assert transfer.feed(ColleagueKey("1"), 6.0) == ("hush", "join")


def test_a_machine_that_answers_hears_the_summary_twice_and_gets_no_call() -> None:
    """It presses nothing; the caller is back with the agent."""
    transfer = WarmTransfer(RULES)
    transfer.begin(0.0)
    transfer.feed(ColleagueAnswered(), 5.0)
    transfer.feed(WhisperDone(), 10.0)
    assert transfer.due(17.9) == ()
    assert transfer.due(18.0) == ("whisper",)
    transfer.feed(WhisperDone(), 24.0)
    assert transfer.due(32.0) == ("drop_colleague", "return_caller")
    assert transfer.outcome is not None
    assert transfer.outcome.result == "no_answer"


@pytest.mark.parametrize(
    ("happens", "result"),
    [(ColleagueGone("busy"), "busy"), (ColleagueGone(), "no_answer"), (LineFailed("no route"), "failed")],
)
def test_where_the_colleague_cannot_be_had_the_caller_is_back(happens: WarmEvent, result: str) -> None:
    """Busy, no answer, a line that fails."""
    transfer = WarmTransfer(RULES)
    transfer.begin(0.0)
    assert transfer.feed(happens, 3.0) == ("drop_colleague", "return_caller")
    assert transfer.outcome is not None
    assert transfer.outcome.result == result


def test_who_hangs_up_on_the_summary_has_rejected_the_call() -> None:
    """The same as sending it back by 2."""
    for happens in (ColleagueGone(), ColleagueKey("2")):
        transfer = WarmTransfer(RULES)
        transfer.begin(0.0)
        transfer.feed(ColleagueAnswered(), 1.0)
        assert transfer.feed(happens, 2.0)[-2:] == ("drop_colleague", "return_caller")
        assert transfer.outcome is not None
        assert transfer.outcome.result == "rejected"


def test_whatever_happens_in_whatever_order_a_transfer_ends_and_leaves_nobody_behind() -> None:
    """Joined only by a 1 while both are there; else the colleague is dropped, and the caller, if there, is back."""
    for seed in range(3000):
        chance, now = random.Random(seed), 0.0  # noqa: S311
        transfer = WarmTransfer(RULES)
        steps: list[WarmStep] = [*transfer.begin(now)]
        accepted = caller_gone = False
        for _ in range(200):
            now += chance.uniform(0.0, 6.0)
            if transfer.deadline is not None and now >= transfer.deadline:
                steps += transfer.due(now)
            else:
                event = chance.choice(EVENTS)
                before = transfer.outcome
                steps += transfer.feed(event, now)
                accepted |= event == ColleagueKey("1") and "join" in steps
                caller_gone |= before is None and event == CallerGone()
            if transfer.outcome is not None:
                break
        assert transfer.outcome is not None, "it ends"
        assert transfer.deadline is None
        assert transfer.feed(chance.choice(EVENTS), now) == () == transfer.due(now + 1e6), "and nothing comes after"
        if transfer.outcome.done:
            assert accepted
            assert "drop_colleague" not in steps
            assert "return_caller" not in steps
        else:
            assert steps.count("drop_colleague") == 1
            assert ("return_caller" in steps) is not caller_gone


class Line:
    """A line that writes down what it does, and fails where it is told to."""

    def __init__(self, fails: str = "", whisper: float = 5.0) -> None:
        self.steps: list[str] = []
        self._fails, self._whisper = fails, whisper

    async def _did(self, step: str) -> None:
        self.steps.append(step)
        if step == self._fails:
            raise TransportError("line_lost", f"{step} failed")
        if f"hang {step}" == self._fails:
            await asyncio.Event().wait()

    async def hold_caller(self) -> None:
        await self._did("hold_caller")

    async def dial_colleague(self) -> None:
        await self._did("dial_colleague")

    async def whisper(self) -> None:
        await self._did("whisper")
        await asyncio.sleep(self._whisper)
        self.steps.append("whispered")

    async def join(self) -> None:
        await self._did("join")

    async def drop_colleague(self) -> None:
        await self._did("drop_colleague")

    async def return_caller(self) -> None:
        await self._did("return_caller")


Story = Callable[[WarmTransferRun], Awaitable[None]]


def transferred(line: Line, story: Story) -> TransferOutcome:
    """One transfer on a line, while a story is told to it."""

    async def both() -> TransferOutcome:
        transfer = WarmTransferRun(line, RULES)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(transfer.run())
            tasks.create_task(_told(story, transfer))
        return running.result()

    return run(both())


async def _told(story: Story, transfer: WarmTransferRun) -> None:
    await asyncio.sleep(1.0)
    await story(transfer)


async def takes_it(transfer: WarmTransferRun) -> None:
    transfer.happened(ColleagueAnswered())
    await asyncio.sleep(2.0)
    transfer.happened(ColleagueKey("1"))


def test_a_line_does_one_step_after_the_other() -> None:
    """A key ends the summary; then the two are joined, and the colleague stays."""
    line = Line()
    assert transferred(line, takes_it).done
    assert line.steps == ["hold_caller", "dial_colleague", "whisper", "join"]


@pytest.mark.parametrize(
    "fails", ["hold_caller", "dial_colleague", "whisper", "join", "hang dial_colleague", "hang join"]
)
def test_a_line_that_fails_or_hangs_at_a_step_gives_the_caller_back(fails: str) -> None:
    """And the colleague is hung up on."""
    line = Line(fails)
    assert transferred(line, takes_it).result == "failed"
    assert line.steps[-2:] == ["drop_colleague", "return_caller"]


def test_keys_that_are_hammered_leave_room_for_what_matters() -> None:
    """A colleague's fun with the keypad fills no memory, and their hanging up is noticed."""

    async def hammers(transfer: WarmTransferRun) -> None:
        transfer.happened(ColleagueAnswered())
        for _ in range(10 * MOST_EVENTS):
            transfer.happened(ColleagueKey("7"))
        transfer.happened(ColleagueGone())

    line = Line()
    assert transferred(line, hammers).result == "rejected"


@pytest.mark.parametrize("after", [0.5, 1.5, 3.5], ids=["dialling", "answered", "joined"])
def test_a_call_that_ends_meanwhile_leaves_no_colleague_who_is_not_joined(after: float) -> None:
    """Cancelled at any moment, the run hangs up on them, unless they have the caller."""
    line = Line()

    async def cut() -> None:
        transfer = WarmTransferRun(line, RULES)
        running, told = asyncio.create_task(transfer.run()), asyncio.create_task(_told(takes_it, transfer))
        await asyncio.sleep(after)
        running.cancel()
        await asyncio.wait([running, told])

    run(cut())
    assert ("drop_colleague" in line.steps) is ("join" not in line.steps)
