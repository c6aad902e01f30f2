"""NVIDIA graphics cards, through the driver's own library (NVML) by `nvidia-ml-py`, which need not be installed."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from lineside.host.machine.programs import model_of, name_of
from lineside.host.machine.values import Gpu, GpuProcess


class NvidiaReader:
    """The cards of this machine. The library is opened once and again after a fault, for instance a new driver."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._nvml: Any = None

    def read(self) -> tuple[list[Gpu], list[str]]:
        """The cards in the driver's order, and what is odd. No driver or no library is no card, and nothing odd."""
        try:
            nvml: Any = self._nvml or import_module("pynvml")
        except ImportError:
            there = (self._root / "proc/driver/nvidia/version").exists()
            return [], ["an NVIDIA driver is here; to read its cards: pip install nvidia-ml-py"] if there else []
        try:
            if self._nvml is None:
                nvml.nvmlInit()
                self._nvml = nvml
            return self._gpus(nvml.nvmlDeviceGetCount())
        except nvml.NVMLError as fault:
            self._nvml = None
            if fault.value in (nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED):
                return [], []
            return [], [f"the NVIDIA driver does not answer ({fault})"]

    def _gpus(self, count: int) -> tuple[list[Gpu], list[str]]:
        """A card that does not answer hides no other. When none does, it is the driver's fault, which is raised."""
        cards, odd = [], []
        fault: Exception | None = None
        for index in range(count):
            try:
                cards.append(self._gpu(index))
            except self._nvml.NVMLError as cause:
                fault = cause
                odd.append(f"NVIDIA card {index} does not answer ({cause})")
        if fault is not None and not cards:
            raise fault
        odd += [f"NVIDIA card {card.index} does not tell its memory" for card in cards if not card.total_bytes]
        return cards, odd

    def _gpu(self, index: int) -> Gpu:
        nvml = self._nvml
        card = nvml.nvmlDeviceGetHandleByIndex(index)
        memory, name = self._or_none(lambda: nvml.nvmlDeviceGetMemoryInfo(card)), nvml.nvmlDeviceGetName(card)
        load = self._or_none(lambda: nvml.nvmlDeviceGetUtilizationRates(card).gpu)
        held: dict[int, int] = {}
        for ask in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses):
            for one in self._or_none(lambda ask=ask: ask(card)) or ():  # type: ignore[misc]
                held[one.pid] = max(one.usedGpuMemory or 0, held.get(one.pid, 0))  # may stand in both lists
        return Gpu(
            index=index,
            vendor="nvidia",
            name=name.decode() if isinstance(name, bytes) else name,
            total_bytes=int(memory.total) if memory is not None else 0,
            used_bytes=int(memory.used) if memory is not None else 0,
            percent=None if load is None else float(load),
            processes=tuple(
                GpuProcess(pid, name_of(pid, self._root), model_of(pid, self._root), size)
                for pid, size in sorted(held.items(), key=lambda each: -each[1])
            ),
        )

    def _or_none(self, ask: Callable[[], Any]) -> Any:
        """What the driver says, None where this card cannot tell: some lack what others have."""
        try:
            return ask()
        except self._nvml.NVMLError:
            return None
