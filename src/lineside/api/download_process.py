"""A download in a process of its own: it hashes and unpacks for minutes, which must never hold the calls' loop."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence

import msgspec

from lineside.errors import UNREADABLE
from lineside.models.progress import DownloadProgress, short
from lineside.processes.process import end_process, start_process

LONGEST_LINE = 1 << 16  # bytes; a program that prints longer ones is not ours, and is ended
LAST_WORDS, WORDS = 5, 300  # lines of its output that are no progress, and characters of each, for the error
GRACE = 10.0  # seconds between SIGTERM, which keeps what has come, and SIGKILL

_progress = msgspec.json.Decoder(DownloadProgress)


async def pulled(model: str, argv: Sequence[str], given: Mapping[str, str]) -> AsyncGenerator[DownloadProgress, None]:
    """Run the program and tell what it tells; close early to end it. The last `DownloadProgress` says what came of it.

    `given` is added to its environment.
    """
    try:
        process = await start_process(
            argv,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            line_bytes=LONGEST_LINE,
            env=os.environ | given,  # not read here, only handed on with the folder and the mirror of the settings
        )
    except OSError as cause:
        yield DownloadProgress(model, state="failed", message=f"the download cannot be started ({cause.strerror})")
        return
    words: deque[str] = deque(maxlen=LAST_WORDS)
    last: DownloadProgress | None = None
    try:
        async for progress in _progress_of(process, words):
            last = progress
            yield progress
        code = await process.wait()
    finally:
        await end_process(process, grace=GRACE)
    if last is None or not last.last:
        message = short(f"the download ended with exit code {code}: {' / '.join(words) or 'without a word'}")
        yield DownloadProgress(model, state="failed", message=message)


async def _progress_of(
    process: asyncio.subprocess.Process, words: deque[str]
) -> AsyncGenerator[DownloadProgress, None]:
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
        except UNREADABLE:
            words.append(line.decode(errors="replace").strip()[:WORDS])
