"""One account of several processes: how many workers there are, and a folder where all of them count."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from lineside.private_files import temporary_folder
from lineside.processes.cpu_count import cores
from lineside.settings import Settings


def worker_count(settings: Settings) -> int:
    """How many processes hold calls: `WORKERS`, or one for each core but one, which is the engines' and the door's."""
    return settings.workers or max(1, cores() - 1)


@contextmanager
def counted_together(workers: int) -> Iterator[None]:
    """Have all processes that begin inside the block count in one place.

    Before `lineside.observability.metrics` is imported:

    prometheus_client looks for its folder when it is loaded.
    """
    if workers < 2:
        yield
        return
    with temporary_folder("lineside-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        yield
