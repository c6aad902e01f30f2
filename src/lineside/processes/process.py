"""Start a program and make sure that it ends: by itself if it can, by force if not, and with us however we end.

Every process that lineside starts goes through here, so there is one place that knows about process groups, the
kernel's parent-death signal and the order of SIGTERM and SIGKILL.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from lineside.processes import parent_death, process_group

LINE_BYTES = 1 << 16  # the longest line that `Process.stdout.readline` reads; a longer one is a ValueError there
BURIED_WITHIN = 2.0  # seconds for a killed process whose output nobody reads; init takes what is left after that
READ_BYTES = 1 << 16


async def start_process(
    argv: Sequence[str],
    *,
    stdin: int | IO[bytes] | None = DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    line_bytes: int = LINE_BYTES,
    ends_with_us: bool = True,
    whole_family: bool = False,
) -> Process:
    """Start a program as the leader of a process group of its own, so that Ctrl-C is ours and we decide the order.

    Args:
        argv: Program and arguments; no shell stands between.
        env: The whole environment, or None for ours.
        line_bytes: Limit of `readline` on its output.
        ends_with_us: On Linux the kernel kills it when the calling thread's process ends, however that ended. Costs the
            start of one Python interpreter (some 20 ms); leave it out for programs that end within a second anyway.
        whole_family: Processes that it started end with it as well (Linux 5.3).

    Raises:
        OSError: The program cannot be started.
    """
    return await asyncio.create_subprocess_exec(
        *(tied_to_us(argv, whole_family=whole_family) if ends_with_us else argv),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=env,
        pass_fds=pass_fds,
        limit=line_bytes,
        start_new_session=True,
    )


def tied_to_us(argv: Sequence[str], *, whole_family: bool = False) -> list[str]:
    """The same program, killed by the kernel when this process ends; on other systems than Linux as it is."""
    if sys.platform != "linux":
        return list(argv)
    python = [sys.executable, "-I", "-S"]  # without site-packages it is there in half the time
    family = [*python, str(Path(process_group.__file__))] if whole_family else []
    return [*python, str(Path(parent_death.__file__)), str(os.getpid()), *family, *argv]


def signal_group(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process of `start_process` and to its children."""
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


async def end_process(process: Process, *, grace: float, read_rest: bool = False) -> None:
    """End a process of `start_process`, and what is left of its group.

    Args:
        grace: Seconds between SIGTERM and SIGKILL; 0 kills at once.
        read_rest: Read its output to the end, where nobody else does: asyncio does not see a process end whose pipe
            is full. Waits two seconds at most.
    """
    try:
        if process.returncode is None and grace > 0:
            signal_group(process, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await process.wait()
    finally:
        signal_group(process, signal.SIGKILL)
        if read_rest:
            with suppress(TimeoutError):
                async with asyncio.timeout(BURIED_WITHIN):
                    while process.stdout and await process.stdout.read(READ_BYTES):
                        pass
                    await process.wait()
        else:
            await process.wait()


def exit_words(returncode: int) -> str:
    """How a process ended, for a log line or an error."""
    return f"signal {signal.Signals(-returncode).name}" if returncode < 0 else f"exit code {returncode}"
