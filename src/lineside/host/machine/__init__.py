"""What this machine has and how much of it is taken: processor, memory, graphics cards, and by whom."""

from lineside.host.machine.readings import MachineReader, read
from lineside.host.machine.values import Cpu, Gpu, GpuProcess, Machine, Ram

__all__ = ["Cpu", "Gpu", "GpuProcess", "Machine", "MachineReader", "Ram", "read"]
