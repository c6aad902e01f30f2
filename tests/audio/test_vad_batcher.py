"""The batcher of voice detection: what it judges for many calls together is what each would have heard alone."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.silero import WINDOW
from lineside.audio.vad import VadMemories, VadModel, VadState
from lineside.audio.vad_batcher import MAX_WINDOWS_PER_TICK, TICK, VadBatcher
from tests.audio.single_vad import SingleVad


class Numbers:
    """Stands for the network: the probability is the number in a window, the state counts the windows."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []
        self.memories = VadMemories()

    def probabilities(self, given: Sequence[bytes], states: Sequence[VadState]) -> list[float]:
        numbers = [number_of(window) for window in given]
        self.runs.append(numbers)
        return [number / 1000 for number in numbers]


class Clock:
    """`call_later` by hand."""

    def __init__(self) -> None:
        self.set: list[tuple[float, Callable[[], None]]] = []

    def after(self, seconds: float, then: Callable[[], None]) -> None:
        self.set.append((seconds, then))

    def tick(self) -> None:
        due, self.set = self.set, []
        for _, then in due:
            then()


def window(number: int, *, loud: bool = True) -> bytes:
    """A window that can be told apart."""
    samples = np.full(WINDOW, 5000 if loud else 3, "<i2")
    samples[0] = number
    return samples.tobytes()


def number_of(heard: bytes) -> int:
    return int(np.frombuffer(heard, "<i2")[0])


def batcher() -> tuple[VadBatcher, Numbers, Clock]:
    network, clock = Numbers(), Clock()
    return VadBatcher(cast(VadModel, network), clock.after), network, clock


def test_the_windows_of_all_calls_are_judged_in_one_run() -> None:
    """Ten calls speak: nobody is answered at once, and everybody a tick later, in one go."""
    listening, network, clock = batcher()
    told: list[float] = []
    for number in range(10):
        assert listening.new_vad().feed(window(number), told.append) is None

    assert not told
    assert [seconds for seconds, _ in clock.set] == [TICK]
    clock.tick()
    assert network.runs == [list(range(10))]
    assert told == [number / 1000 for number in range(10)]
    assert not clock.set  # nobody waits: no tick is set


stretches_of_a_call = st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=6)


@settings(deadline=None, max_examples=50)
@given(st.lists(stretches_of_a_call, min_size=1, max_size=3), st.lists(st.integers(0, 20), min_size=1))
def test_a_call_among_others_hears_what_it_would_hear_alone(
    calls: list[list[tuple[bool, int]]], pace: list[int]
) -> None:
    """The same answers in the same order, and the same windows for the network, however ticks and bursts fall."""
    listening, network, clock = batcher()
    number = 0
    for stretches in calls:
        alone, vad = Numbers(), listening.new_vad()
        single = SingleVad(cast(VadModel, alone))
        expected: list[float] = []
        told: list[float] = []
        fed = 0
        network.runs.clear()
        for loud, count in stretches:
            for _ in range(count):
                number += 1
                heard = window(number % 30000, loud=loud)
                expected.append(single.feed(heard))
                at_once = vad.feed(heard, told.append)
                if at_once is not None:
                    told.append(at_once)
                fed += 1
                if fed % (pace[fed % len(pace)] + 1) == 0:
                    clock.tick()
        while clock.set:
            clock.tick()
        assert told == expected
        assert [n for run in network.runs for n in run] == [n for run in alone.runs for n in run]


def test_a_burst_does_not_hold_the_loop_for_long() -> None:
    """Two seconds of sound at once: some now, the rest at the ticks after it, none forgotten."""
    listening, _, clock = batcher()
    vad, told = listening.new_vad(), list[float]()
    for number in range(4 * MAX_WINDOWS_PER_TICK - 1):
        vad.feed(window(number), told.append)
    ticks = 0
    while clock.set:
        clock.tick()
        ticks += 1
        assert len(told) <= ticks * MAX_WINDOWS_PER_TICK
    assert ticks == 4
    assert told == [number / 1000 for number in range(4 * MAX_WINDOWS_PER_TICK - 1)]


def test_a_run_that_fails_leaves_the_batcher_listening() -> None:
    """The windows of that run count as silence, for an answer is owed for each; the next ones are judged."""
    listening, network, clock = batcher()
    told: list[float] = []
    vad = listening.new_vad()
    good = network.probabilities
    network.probabilities = Mock(side_effect=ZeroDivisionError)  # type: ignore[method-assign]
    vad.feed(window(1), told.append)
    with pytest.raises(ExceptionGroup, match="the voice detector's tick"):
        clock.tick()
    network.probabilities = good  # type: ignore[method-assign]
    vad.feed(window(2), told.append)
    clock.tick()
    assert told == [0.0, 0.002]


def test_a_call_that_fails_at_the_tick_takes_no_answer_from_the_others() -> None:
    """Neither from those before it nor from those behind it; the fault is raised when all have theirs."""
    listening, _, clock = batcher()
    told: list[float] = []
    for number, hears in ((1, told.append), (2, Mock(side_effect=ZeroDivisionError)), (3, told.append)):
        listening.new_vad().feed(window(number), hears)
    with pytest.raises(ExceptionGroup) as raised:
        clock.tick()
    assert [type(fault) for fault in raised.value.exceptions] == [ZeroDivisionError]
    assert told == [0.001, 0.003]


def test_a_call_whose_state_is_broken_is_silence_and_the_others_are_judged() -> None:
    """The network refuses the batch with it; each window is judged by itself then."""
    listening, network, clock = batcher()
    told: dict[int, float] = {}
    vads = [listening.new_vad() for _ in range(3)]
    good, broken = network.probabilities, vads[1].state

    def probabilities(windows: list[bytes], states: list[VadState]) -> list[float]:
        if broken in states:
            raise IndexError("no such row")
        return good(windows, states)

    network.probabilities = probabilities  # type: ignore[method-assign,assignment]
    for number, vad in enumerate(vads):
        vad.feed(window(number + 1), partial(told.__setitem__, number))
    with pytest.raises(ExceptionGroup):
        clock.tick()
    assert told == {0: 0.001, 1: 0.0, 2: 0.003}
