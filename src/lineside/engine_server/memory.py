"""How much memory the process takes, and giving back what it no longer needs."""

import ctypes
import gc
import sys
from typing import Any

import psutil


def taken() -> int:
    """Bytes of the process that are in memory now, the models' files that are read in place among them."""
    return int(psutil.Process().memory_info().rss)


def let_go(held: list[Any]) -> None:
    """Empty the list, whose things nobody else holds, and give their memory back to the system.

    glibc keeps what is freed for next time: 100 MB of a recogniser of 150 (malloc_trim(3)).
    """
    held.clear()
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none, and need none
        if trim:
            trim(0)
