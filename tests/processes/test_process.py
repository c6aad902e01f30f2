"""Programs that lineside starts end: by themselves, by force, and with us."""

import asyncio
import os
import select
import sys
from asyncio.subprocess import PIPE

from lineside.processes.process import end_process, exit_words, start_process

KILLED_WITHIN = 5.0  # seconds; a process that was killed ends when it gets the processor next
STUBBORN = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
TALKATIVE = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace() -> None:
    """SIGTERM first; SIGKILL when the grace is over."""

    async def run() -> str:
        process = await start_process([sys.executable, "-c", STUBBORN], stdout=PIPE)
        assert process.stdout is not None
        await process.stdout.readline()
        await end_process(process, grace=0.1)
        assert process.returncode is not None
        return exit_words(process.returncode)

    assert asyncio.run(run()) == "signal SIGKILL"


def test_what_a_program_started_ends_with_it() -> None:
    """The whole process group is killed, so no grandchild is left."""

    async def run() -> bool:
        process = await start_process([sys.executable, "-c", PARENT], stdout=PIPE)
        assert process.stdout is not None
        child = os.pidfd_open(int(await process.stdout.readline()))
        try:
            await end_process(process, grace=0)
            ended, _, _ = select.select([child], [], [], KILLED_WITHIN)
            return bool(ended)
        finally:
            os.close(child)

    assert asyncio.run(run())


def test_a_killed_program_whose_pipe_is_full_is_seen_to_end() -> None:
    """Nobody reads its output; ending it reads the rest."""

    async def run() -> int | None:
        process = await start_process([sys.executable, "-c", TALKATIVE], stdout=PIPE, ends_with_us=False)
        await end_process(process, grace=0, read_rest=True)
        return process.returncode

    assert asyncio.run(run()) == -9
