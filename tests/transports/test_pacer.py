"""Frames leave every 20 ms, whatever the process does; what is cleared is known to the sample."""

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.transports.pacer import CATCH_UP, FRAME, QUEUE, PacedQueue, Pacer, shared_pacer
from tests.virtual_time import run

SIZE = 160
QUIET = b"\xff" * SIZE


def paced() -> tuple[PacedQueue, list[tuple[float, bytes]], list[tuple[float, str]]]:
    now = asyncio.get_running_loop().time
    sent, reached = list[tuple[float, bytes]](), list[tuple[float, str]]()
    queue = PacedQueue(
        lambda frame, speech: sent.append((now(), frame)),
        frame_bytes=SIZE,
        silence=QUIET,
        reached=lambda name: reached.append((now(), name)),
    )
    return queue, sent, reached


def test_a_frame_leaves_every_twenty_milliseconds_for_a_minute() -> None:
    """Sound or silence, on a grid that does not drift."""

    async def story() -> None:
        queue, sent, _ = paced()
        pacer = shared_pacer()
        pacer.add(queue)
        for _ in range(300):
            queue.put(b"a" * 1600)  # 0.2 s
            await asyncio.sleep(0.2)
        pacer.remove(queue)
        gaps = [later - sooner for (sooner, _), (later, _) in pairwise(sent)]
        assert max(gaps) < 0.0201
        assert min(gaps) > 0.0199
        assert abs(len(sent) - 3000) <= 1
        assert queue.dropped == 0

    run(story())


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(1, 500), max_size=12), after=st.integers(0, 60))
def test_what_is_cleared_is_known_to_the_sample(sizes: list[int], after: int) -> None:
    """Sent and cleared together are what was put, however it was cut."""

    async def story() -> None:
        queue, sent, _ = paced()
        for size in sizes:
            queue.put(b"a" * size)
        for _ in range(after):
            queue.tick()
        spoken = sum(frame.count(b"a") for _, frame in sent)
        rest = queue.clear()
        assert abs(rest - (sum(sizes) - spoken) / SIZE * FRAME) < 1e-9
        before = len(sent)
        queue.tick()
        assert sent[before][1] == QUIET
        assert all(len(frame) == SIZE for _, frame in sent)

    run(story())


def test_marks_come_back_when_their_sound_has_left_and_never_after_a_clear() -> None:
    """One behind nothing comes back at once."""

    async def story() -> None:
        queue, _, reached = paced()
        pacer = shared_pacer()
        pacer.add(queue)
        queue.mark("e0-1")
        queue.put(b"a" * (SIZE * 5 + 10))
        queue.mark("e0-2")
        await asyncio.sleep(0.5)
        assert [name for _, name in reached] == ["e0-1", "e0-2"]
        assert abs(reached[1][0] - 6 * FRAME) < 0.001
        queue.put(b"a" * SIZE * 5)
        queue.mark("e0-3")
        await asyncio.sleep(0.05)
        queue.clear()
        await asyncio.sleep(0.5)
        assert len(reached) == 2
        pacer.remove(queue)

    run(story())


def test_after_a_stall_a_little_is_caught_up_and_the_rest_skipped() -> None:
    """A burst of a second would overflow the telephone's jitter buffer."""

    async def story() -> None:
        queue, sent, _ = paced()
        pacer = Pacer()
        queue.put(b"a" * SIZE * 90)
        pacer.add(queue)
        await asyncio.sleep(0.1)
        before = len(sent)
        pacer._due -= 0.4  # as if the process had stood still for so long
        pacer._tick()
        assert len(sent) - before == CATCH_UP
        assert pacer.skipped >= 16
        pacer.remove(queue)
        pacer.remove(queue)

    run(story())


def test_what_waits_is_bounded() -> None:
    """A sender that is far ahead loses what it sent too early; the process keeps its memory."""

    async def story() -> None:
        queue, _, _ = paced()
        for _ in range(100):
            queue.put(b"a" * SIZE * 50)
        assert queue.seconds <= QUEUE + FRAME
        assert queue.dropped == 5000 - QUEUE / FRAME

    run(story())


def test_a_process_without_paced_calls_has_no_timer() -> None:
    """The last one out stops the clock; the next one starts it anew."""

    async def story() -> None:
        pacer = shared_pacer()
        for _ in range(2):
            queue, sent, _ = paced()
            pacer.add(queue)
            await asyncio.sleep(0.1)
            pacer.remove(queue)
            assert len(sent) in (4, 5)
            assert pacer._timer is None
            await asyncio.sleep(3)

    run(story())
