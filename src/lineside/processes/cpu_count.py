"""How many processor cores are really ours: a container sees all of its host's, and may use two of them."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup/cpu.max")


def cores(limit: Path = CGROUP) -> int:
    """At least one. `limit` is the control group's quota (kernel: cgroup-v2.rst, "cpu.max"): "200000 100000" is two."""
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = limit.read_text().split()
        ours = min(ours, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no control group, or "max": no limit
        pass
    return max(1, ours)
