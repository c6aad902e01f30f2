"""How long requests wait: the formulas beside a simulation of each request, and beside what is known exactly."""

import heapq
import math

import numpy as np
import pytest

from lineside.planning.queueing import ServiceQueue, erlang_c

REQUESTS, WARM = 150_000, 5_000  # the first of them find a queue that is still filling
SIZES = [(1, 0.7), (4, 0.8), (16, 0.85), (32, 0.85)]  # servers, and how busy they are


def queue_of(servers: int, utilisation: float, variation: float) -> ServiceQueue:
    return ServiceQueue(servers, utilisation * servers / 0.3, 0.3, variation)


def simulated_waits(queue: ServiceQueue) -> np.ndarray:
    """Each request's wait, in order of arrival: it takes the server that is free first (Kiefer and Wolfowitz, 1955)."""
    dice = np.random.default_rng(1)
    arrivals = np.cumsum(dice.exponential(1 / queue.arrivals, REQUESTS))
    shape = queue.variation**-2 if queue.variation else 0.0
    drawn = dice.gamma(shape, queue.service_s / shape, REQUESTS) if shape else np.full(REQUESTS, queue.service_s)
    free, waits = [0.0] * queue.servers, []
    for arrives, takes in zip(arrivals.tolist(), drawn.tolist(), strict=True):
        begins = max(arrives, free[0])
        heapq.heapreplace(free, begins + takes)
        waits.append(begins - arrives)
    return np.array(waits[WARM:])


@pytest.mark.parametrize("variation", [0.0, 0.43, 1.0, 1.3])
@pytest.mark.parametrize(("servers", "utilisation"), SIZES)
def test_the_wait_is_that_of_a_simulation_within_15_percent(servers: int, utilisation: float, variation: float) -> None:
    """Of a hundred requests five wait longer than is said, give or take two, served by the clock or wildly."""
    queue = queue_of(servers, utilisation, variation)
    waits = simulated_waits(queue)
    assert queue.mean_wait_s == pytest.approx(float(waits.mean()), rel=0.15, abs=0.001)
    assert 0.03 <= float((waits > queue.wait_s(0.95)).mean()) <= 0.07


def test_what_is_known_exactly_is_met_exactly() -> None:
    """One server: Pollaczek and Khintchine. Exponential service: Erlang, here his tables' 10 servers at 7 Erlangs."""
    one = queue_of(1, 0.7, 0.5)
    assert one.mean_wait_s == pytest.approx(one.arrivals * 0.3**2 * (1 + 0.25) / (2 * 0.3))
    assert erlang_c(10, 7.0) == pytest.approx(0.2217, abs=1e-4)
    assert erlang_c(1, 0.4) == pytest.approx(0.4)


def test_a_queue_that_cannot_keep_up_waits_for_ever_and_a_large_one_hardly() -> None:
    """No number overflows, with a hundred thousand servers either."""
    assert queue_of(3, 1.0, 1.0).mean_wait_s == math.inf
    assert queue_of(3, 1.2, 1.0).wait_s(0.95) == math.inf
    assert queue_of(100_000, 0.99, 1.0).mean_wait_s < 0.001
    assert queue_of(2, 0.01, 1.0).wait_s(0.95) == 0.0


def test_more_servers_never_wait_longer() -> None:
    """What the planner's search rests on."""
    waits = [ServiceQueue(servers, 20.0, 0.3, 0.43).wait_s(0.95) for servers in range(7, 40)]
    assert waits == sorted(waits, reverse=True)
