"""Run a program that ends when the process that started it ends, however that ended: `leash.py PARENT PROGRAM …`.

Linux only, by `prctl(PR_SET_PDEATHSIG)`, which survives the `exec` below (man 2 prctl). It stands in a program of its
own because a function run between fork and exec is not safe in a process that has threads. To the kernel the parent
is the thread that started the program: let that be one that stays, such as the event loop's.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent, a process id, goes. Ends at once if that is gone already."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    try:
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the program that was asked for, no shell between
    except OSError as cause:
        sys.exit(f"{sys.argv[2]}: {cause.strerror}")
