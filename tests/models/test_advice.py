"""Which language model this machine should use: the best instruct model that fits and can be had, else a coder."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from lineside.embedded_models import INSTRUCT_MODELS
from lineside.models import advice, store
from lineside.models.advice import ENOUGH, SPEED, Advice, MachineSpeed, advise, bandwidth, best_speed, publisher_answers
from lineside.models.instruct_models import INSTRUCT
from lineside.settings import load_settings
from tests.models.fixtures import Host, honest

GB = 1 << 30
FAST, ROOMY = 500e9, 64 * GB


def advised(tmp_path: Path, *, read: float = FAST, memory: int = ROOMY, reached: bool = True) -> Advice:
    return advise("coder", tmp_path, read=read, memory=memory, reached=reached)


@pytest.mark.parametrize(
    ("read", "memory", "reached", "chosen"),
    [
        (FAST, ROOMY, True, "qwen3-4b"),
        (FAST, 5 * GB, True, "qwen3-1.7b"),
        (40e9, ROOMY, True, "qwen2.5-1.5b"),
        (22e9, ROOMY, True, "qwen3-0.6b"),
        (12e9, ROOMY, True, "coder"),
        (FAST, 2 * GB, True, "coder"),
        (FAST, ROOMY, False, "coder"),
    ],
)
def test_the_best_model_that_the_machine_bears_and_can_have(
    tmp_path: Path, read: float, memory: int, reached: bool, chosen: str
) -> None:
    """By measured memory and its speed; without the publisher, what the package index has."""
    found = advised(tmp_path, read=read, memory=memory, reached=reached)
    assert found.model == chosen
    assert found.why


def test_what_is_downloaded_needs_no_publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is offline now goes on with what it has."""
    monkeypatch.setattr(store, "state", lambda model, root: "ready" if model.name == "qwen3-1.7b" else "missing")
    found = advised(tmp_path, reached=False)
    assert (found.model, "downloaded" in found.why) == ("qwen3-1.7b", True)


def test_the_settings_and_the_catalogue_name_the_same_models() -> None:
    """A name that can be set can be fetched."""
    assert sorted(INSTRUCT_MODELS) == sorted(model.name for model in INSTRUCT)


def test_auto_means_what_was_chosen_and_fetched_as_long_as_it_is_there(tmp_path: Path) -> None:
    """And the coder again once it was deleted, by us or by hand."""
    settings = load_settings(models_dir=tmp_path)
    coder = settings.coder_model
    assert settings.llm_model == coder
    (tmp_path / "qwen3-1.7b").mkdir()
    advice.keep_choice(tmp_path, "qwen3-1.7b")
    assert settings.llm_model == "qwen3-1.7b"
    (tmp_path / "qwen3-1.7b").rmdir()
    assert settings.llm_model == coder
    (tmp_path / "qwen3-1.7b").mkdir()
    advice.forget_choice(tmp_path, "qwen3-1.7b")
    assert settings.llm_model == coder


def test_a_publisher_is_asked_whether_it_answers(host: Host) -> None:
    """One that is not there, or has no name, is not reached."""
    host.will(honest)
    assert asyncio.run(publisher_answers(host.offers("/a/weights.gguf", b"x")))
    assert not asyncio.run(publisher_answers("http://127.0.0.1:9/x"))
    assert not asyncio.run(publisher_answers("http://nobody.invalid/x"))


def test_a_machine_is_measured_in_a_moment() -> None:
    """Faster than a gigabyte a second, slower than light."""
    assert 1e9 < bandwidth() < 5e12


def test_slow_is_what_is_slower_than_a_first_sentence_may_be(tmp_path: Path) -> None:
    """The verdict is on the figure that is shown."""
    for one in advised(tmp_path, read=30e9).candidates:
        assert (one.verdict == "too slow") == (one.tokens_per_second < ENOUGH)


def test_a_model_that_was_run_here_says_how_fast_the_others_are(tmp_path: Path) -> None:
    """By their sizes; what the memory alone would promise counts no more."""
    ran = MachineSpeed("coder", 500_000_000, 40.0, 2)
    found = advise("coder", tmp_path, read=1e9, memory=ROOMY, reached=True, measured=ran)
    assert found.measured == ran
    for one in found.candidates:
        assert one.tokens_per_second == pytest.approx(ran.weights / one.bytes, abs=0.1)
    assert found.model != "coder"


def test_the_best_that_was_measured_counts_so_that_a_busy_machine_is_not_slow(tmp_path: Path) -> None:
    """It is kept; with another number of cores it is another machine."""
    cores = len(os.sched_getaffinity(0))
    quiet, busy = (MachineSpeed("coder", 500_000_000, rate, cores) for rate in (40.0, 3.0))
    assert best_speed(tmp_path, None) is None
    assert best_speed(tmp_path, busy) == busy
    assert best_speed(tmp_path, quiet) == quiet
    assert best_speed(tmp_path, busy) == quiet
    assert best_speed(tmp_path, None) == quiet
    (tmp_path / SPEED).write_bytes(msgspec.json.encode(MachineSpeed("coder", 500_000_000, 900.0, cores + 1)))
    assert best_speed(tmp_path, busy) == busy
    (tmp_path / SPEED).write_text("nonsense")
    assert best_speed(tmp_path, busy) == busy


def test_a_models_folder_that_is_only_read_costs_no_advice(tmp_path: Path) -> None:
    """It is measured again the next time."""
    now = MachineSpeed("coder", 500_000_000, 9.0, 2)
    assert best_speed(tmp_path / "not there", now) == now
