"""How many threads numpy may use. Call this where a process starts, before anything imports numpy."""

import os


def use_one_numpy_thread() -> None:
    """Keep matrix products on one thread, in this process and those that it starts.

    Every product here is small: split over threads it takes longer, and takes cores from calls. OpenBLAS reads the
    variable when numpy loads it.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
