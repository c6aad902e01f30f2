"""Random schedules of gateways that share a cap: whether one ever takes more calls than the bound says.

PYTHONPATH=. .venv/bin/python bench/leases.py [--schedules 10000]
"""

import argparse
from collections import Counter

from tests.records.lease_schedules import run


def main() -> None:
    """Print how many schedules had how many calls over the cap; a broken bound is an AssertionError with its number."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schedules", type=int, default=10_000)
    given = parser.parse_args()
    over = Counter(max(0, run(seed)) for seed in range(given.schedules))
    print(f"{given.schedules} schedules, the bound held in all; by the most calls over the cap at once:")
    for calls, schedules in sorted(over.items()):
        print(f"  {calls}: {schedules}")


if __name__ == "__main__":
    main()
