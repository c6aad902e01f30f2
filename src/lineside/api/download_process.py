"""A download in a process of its own: it hashes and unpacks for minutes, which must never hold the calls' loop."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from lineside.host import parent_death
from lineside.models.progress import DownloadProgress, short

LONGEST_LINE = 1 << 16  # bytes; a program that prints longer ones is not ours, and is ended
LAST_WORDS, WORDS = 5, 300  # lines of its output that are no progress, and characters of each, for the error
GRACE = 10.0  # seconds between SIGTERM, which keeps what has come, and SIGKILL

_progress = msgspec.json.Decoder(DownloadProgress)


async def pulled(model: str, argv: Sequence[str], given: Mapping[str, str]) -> AsyncGenerator[DownloadProgress, None]:
    """Run the program and tell what it tells; close early to end it. The last `DownloadProgress` says what came of it.

    `given` is added to its environment.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *_leashed(argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us, and we end it in our own order
            limit=LONGEST_LINE,
            env=os.environ | given,  # not read here, only handed on with the folder and the mirror of the settings
        )
    except OSError as cause:
        yield DownloadProgress(model, state="failed", message=f"the download cannot be started ({cause.strerror})")
        return
    words: deque[str] = deque(maxlen=LAST_WORDS)
    last: DownloadProgress | None = None
    try:
        async for progress in _told(process, words):
            last = progress
            yield progress
        code = await process.wait()
    finally:
        await _put_down(process)
    if last is None or not last.last:
        message = short(f"the download ended with exit code {code}: {' / '.join(words) or 'without a word'}")
        yield DownloadProgress(model, state="failed", message=message)


async def _told(process: asyncio.subprocess.Process, words: deque[str]) -> AsyncGenerator[DownloadProgress, None]:
    assert process.stdout is not None  # noqa: S101 - it was asked for above
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:  # longer than `LONGEST_LINE`
            words.append("it printed a line without an end")
            return
        if not line:
            return
        try:
            yield _progress.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            words.append(line.decode(errors="replace").strip()[:WORDS])


async def _put_down(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, then end it and whatever it started."""
    try:
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await process.wait()
    finally:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _leashed(argv: Sequence[str]) -> list[str]:
    """The same program, ended by the kernel when we end."""
    if sys.platform != "linux":
        return list(argv)
    return [sys.executable, "-I", str(Path(parent_death.__file__)), str(os.getpid()), *argv]


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """To the process and its children: it leads a group of its own."""
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
        os.killpg(process.pid, number)
