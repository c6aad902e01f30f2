"""The turn model of a process: asked by many calls at once, and never waited for."""

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lineside.audio import turn_model
from lineside.audio.turn_model import NICE, WAITING, TurnModelThread
from lineside.audio.wav import read_wav
from lineside.models.store import locate
from lineside.settings import load_settings
from tests.turns.test_speech_segmenter import AUDIO


@pytest.fixture
def listener() -> TurnModelThread:
    return TurnModelThread(locate("smart-turn-v3.2", load_settings().models_dir) / "smart-turn-v3.2-cpu.onnx")


@pytest.mark.models
def test_a_whole_question_is_over_and_half_of_it_is_not(
    listener: TurnModelThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real speech: what was said to its end, and the same cut off in the middle."""
    monkeypatch.setattr(turn_model, "DEADLINE", 60.0)  # machines are shared

    async def main() -> None:
        recording = read_wav(AUDIO / "order_status.wav")
        assert recording.rate == 16_000
        whole = await listener.probability(recording.pcm)
        half = await listener.probability(recording.pcm[: len(recording.pcm) * 2 // 5 // 2 * 2])
        assert whole is not None
        assert half is not None
        assert half < whole

    asyncio.run(main())
    listener.close()


@pytest.mark.models
def test_one_that_hangs_is_not_waited_for_and_the_queue_has_an_end(
    listener: TurnModelThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the deadline there is no answer; who comes when too many wait has none at once."""
    release = threading.Event()
    monkeypatch.setattr(turn_model, "DEADLINE", 0.05)
    monkeypatch.setattr(listener._model, "probability", lambda pcm: release.wait(120) and 0.5)

    async def main() -> None:
        assert await asyncio.gather(*(listener.probability(b"") for _ in range(WAITING))) == [None] * WAITING
        began = asyncio.get_running_loop().time()
        monkeypatch.setattr(turn_model, "DEADLINE", 90.0)
        assert await listener.probability(b"") is None
        assert asyncio.get_running_loop().time() - began < 60.0
        release.set()
        async with asyncio.timeout(60):
            while listener._waiting:  # noqa: ASYNC110 - the thread is released already
                await asyncio.sleep(0)
        assert await listener.probability(b"") == 0.5

    asyncio.run(main())
    listener.close()


@pytest.mark.models
@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
@pytest.mark.parametrize("behind", [0, 4])
def test_the_words_and_the_answer_go_before_the_turn_models_opinion(
    listener: TurnModelThread, monkeypatch: pytest.MonkeyPatch, behind: int
) -> None:
    """Its thread has a lower priority, and no other; also where all of lineside was started behind other programs."""

    def priority(pcm: bytes = b"") -> float:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def started() -> tuple[float, float | None, float]:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), int(ours) + behind)
        return priority(), asyncio.run(listener.probability(b"")), priority()

    monkeypatch.setattr(listener._model, "probability", priority)
    ours = priority()
    with ThreadPoolExecutor(1) as lineside:
        before, model, after = lineside.submit(started).result()
    assert (before, after) == (ours + behind, ours + behind)
    assert model == min(before + NICE, 19)
    listener.close()
