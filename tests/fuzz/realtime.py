"""Random events over one Realtime session, and a session of an hour: `python -m tests.fuzz.realtime [EVENTS]`.

On the session's own clock, so that both take minutes. Prints what came, and how much memory was held.
"""

import gc
import sys
import tracemalloc

from tests.realtime.test_long_sessions import fuzz_session, hold_long


def main(events: int) -> None:
    """Each part in turn."""
    tracemalloc.start()
    for part in range(1, 3):
        found = fuzz_session(events // 2, seed=part)
        gc.collect()
        kilobytes = tracemalloc.get_traced_memory()[0] // 1024
        print(
            f"{events // 2} events, none closed the session; errors {found['error']}, held {kilobytes} kB", flush=True
        )
        print(dict(found.most_common()), flush=True)
    tracemalloc.stop()
    print("an hour: blocks of memory after each third", hold_long(3600))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100_000)
