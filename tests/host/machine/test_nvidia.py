"""NVIDIA cards, with the driver's library played by a few functions of the same names."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lineside.host.machine.nvidia import NvidiaReader
from lineside.host.machine.values import Gpu, GpuProcess

WORKSTATION = Path(__file__).with_name("sysfs") / "workstation"
USED = [
    "NVMLError",
    "NVML_ERROR_DRIVER_NOT_LOADED",
    "NVML_ERROR_LIBRARY_NOT_FOUND",
    "nvmlDeviceGetComputeRunningProcesses",
    "nvmlDeviceGetCount",
    "nvmlDeviceGetGraphicsRunningProcesses",
    "nvmlDeviceGetHandleByIndex",
    "nvmlDeviceGetMemoryInfo",
    "nvmlDeviceGetName",
    "nvmlDeviceGetUtilizationRates",
    "nvmlInit",
]


class Fault(Exception):
    """As pynvml's: the number is in `value`."""

    def __init__(self, value: int) -> None:
        super().__init__(f"fault {value}")
        self.value = value


def driver(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> SimpleNamespace:
    """A driver with one card, as pynvml shows it; `changed` are functions that do something else."""
    opened = SimpleNamespace(times=0)

    def init() -> None:
        opened.times += 1

    functions: dict[str, Any] = {
        "NVMLError": Fault,
        "NVML_ERROR_LIBRARY_NOT_FOUND": 12,
        "NVML_ERROR_DRIVER_NOT_LOADED": 9,
        "nvmlInit": init,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: f"card {index}",
        "nvmlDeviceGetMemoryInfo": lambda card: SimpleNamespace(total=24 << 30, used=6 << 30),
        "nvmlDeviceGetName": lambda card: "NVIDIA L4",
        "nvmlDeviceGetUtilizationRates": lambda card: SimpleNamespace(gpu=42, memory=7),
        "nvmlDeviceGetComputeRunningProcesses": lambda card: [
            SimpleNamespace(pid=4300, usedGpuMemory=None),
            SimpleNamespace(pid=4242, usedGpuMemory=2 << 30),
        ],
        "nvmlDeviceGetGraphicsRunningProcesses": lambda card: [
            SimpleNamespace(pid=4242, usedGpuMemory=2 << 30),
            SimpleNamespace(pid=9999, usedGpuMemory=1 << 20),
        ],
    }
    assert sorted(functions) == sorted(USED)
    fake = ModuleType("pynvml")
    for name, value in (functions | changed).items():
        setattr(fake, name, value)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return opened


def fails(number: int) -> Any:
    def ask(*_: object) -> None:
        raise Fault(number)

    return ask


def test_a_card_tells_its_memory_load_and_who_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in both lists counts once; one whose memory is not told has none; one that ended has no name."""
    opened = driver(monkeypatch)
    nvidia = NvidiaReader(WORKSTATION)
    processes = (
        GpuProcess(4242, "whisper-server", "ggml-large-v3-turbo", 2 << 30),
        GpuProcess(9999, "", "", 1 << 20),
        GpuProcess(4300, "ollama", "sha256-dde5aa3fc5ff", 0),
    )
    assert nvidia.read() == ([Gpu(0, "nvidia", "NVIDIA L4", 24 << 30, 6 << 30, 42.0, processes)], [])
    nvidia.read()
    assert opened.times == 1


def test_what_a_card_cannot_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load and processes are not known of every card; older libraries give the name as bytes."""
    unknown = {
        name: fails(3) for name in USED if name.endswith("RunningProcesses") or name == "nvmlDeviceGetUtilizationRates"
    }
    driver(monkeypatch, **unknown, nvmlDeviceGetName=lambda card: b"Tesla T4")
    assert NvidiaReader(WORKSTATION).read() == ([Gpu(0, "nvidia", "Tesla T4", 24 << 30, 6 << 30, None, ())], [])


@pytest.mark.parametrize("number", [9, 12])
def test_no_driver_is_no_card(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The library without a driver is a normal machine, and nothing odd."""
    driver(monkeypatch, nvmlInit=fails(number))
    assert NvidiaReader(WORKSTATION).read() == ([], [])


def test_a_driver_that_fails_is_named_and_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that fell off the bus: the note says so, and the next reading tries from the start."""
    opened = driver(monkeypatch, nvmlDeviceGetHandleByIndex=fails(15))
    nvidia = NvidiaReader(WORKSTATION)
    assert nvidia.read() == ([], ["the NVIDIA driver does not answer (fault 15)"])
    nvidia.read()
    assert opened.times == 2


def test_without_the_package_the_note_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """But only where a driver is."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert NvidiaReader(tmp_path).read() == ([], [])
    version = tmp_path / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.touch()
    (note,) = NvidiaReader(tmp_path).read()[1]
    assert "pip install nvidia-ml-py" in note


def test_the_real_package_has_every_name_that_is_used() -> None:
    """The functions above are played; this is what holds them to the real ones."""
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    assert [name for name in USED if not hasattr(pynvml, name)] == []


def test_one_odd_card_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second card tells no memory, the third does not answer at all."""

    def memory(card: str) -> SimpleNamespace:
        if card == "card 1":
            raise Fault(3)
        return SimpleNamespace(total=24 << 30, used=6 << 30)

    def handle(index: int) -> str:
        if index == 2:
            raise Fault(15)
        return f"card {index}"

    changed = {"nvmlDeviceGetMemoryInfo": memory, "nvmlDeviceGetHandleByIndex": handle}
    driver(monkeypatch, nvmlDeviceGetCount=lambda: 3, **changed)
    cards, odd = NvidiaReader(WORKSTATION).read()
    assert [(card.index, card.total_bytes) for card in cards] == [(0, 24 << 30), (1, 0)]
    assert odd == ["NVIDIA card 2 does not answer (fault 15)", "NVIDIA card 1 does not tell its memory"]
