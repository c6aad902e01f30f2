"""What a reading of the machine consists of. Memory is in bytes, loads are percent of the whole."""

from typing import Literal

from msgspec import Struct


class Cpu(Struct, frozen=True):
    """The processor cores that are ours, and how busy all of them were since the reading before."""

    cores: int
    percent: float


class Ram(Struct, frozen=True):
    """Main memory; used is what could not be had without taking it from somebody."""

    total_bytes: int
    used_bytes: int


class GpuProcess(Struct, frozen=True):
    """A process that holds memory of a graphics card."""

    pid: int
    name: str
    model: str  # by its command line; empty where that does not tell
    bytes: int  # 0 where the driver does not tell


class Gpu(Struct, frozen=True):
    """Memory, load and processes of one GPU."""

    index: int
    vendor: Literal["amd", "nvidia"]
    name: str
    total_bytes: int  # 0 where the driver does not tell
    used_bytes: int
    percent: float | None = None  # busy; None where the driver does not tell
    processes: tuple[GpuProcess, ...] = ()  # the largest first
    shared_bytes: int = 0  # of the total: main memory that a processor's own graphics may use


class Machine(Struct, frozen=True):
    """One reading of CPU, memory and GPUs."""

    at: float  # seconds since 1970
    cpu: Cpu
    ram: Ram
    gpus: tuple[Gpu, ...] = ()
    note: str = ""  # what could not be read, and why
