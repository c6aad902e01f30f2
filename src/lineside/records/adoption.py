"""Taking over from a process that died: its spool is written, its calls are ended, its recordings are closed."""

import asyncio

import structlog

from lineside.records import writes
from lineside.records.database import Database
from lineside.records.entries import RecordingFinished
from lineside.records.entry_mover import EntryMover
from lineside.records.recording_file import salvage
from lineside.records.recordings_folder import RecordingsFolder
from lineside.records.spool import Spool

log = structlog.get_logger()


async def adopt(spool: Spool, mover: EntryMover, store: Database, recordings: RecordingsFolder) -> None:
    """Do all of it. Raises `Unavailable`, `OSError`; then it can be done again from the start."""
    while await mover.move(spool):
        pass
    async with store.transaction() as connection:
        calls = await writes.unfinished(connection, spool.folder.name)
    for call, recorded in calls:
        found = await asyncio.to_thread(_close_recording, call, recordings) if recorded else None
        async with store.transaction() as connection:
            await writes.end_unfinished(connection, call, found)
    if calls:
        log.info("calls of a dead process closed", calls=len(calls))
    spool.close()


def _close_recording(call: str, recordings: RecordingsFolder) -> RecordingFinished:
    """What can be heard of a recording that was never closed is kept."""
    path = recordings.of(call)
    if not path.exists():  # its process died before the first second was written
        return RecordingFinished(call=call, recording="none", seconds=0.0, size=0)
    saved = salvage(path)
    if saved is None:
        recordings.erase(call)
        return RecordingFinished(call=call, recording="none", seconds=0.0, size=0)
    return RecordingFinished(call=call, recording="kept", seconds=saved.seconds, size=saved.size)
