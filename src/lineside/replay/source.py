"""A kept call and its recording, for the replay."""

from pathlib import Path

from msgspec import Struct

from lineside.errors import LinesideError
from lineside.records import queries
from lineside.records.database import Database
from lineside.records.entries import WholeCall
from lineside.records.stored_recordings import recording_file
from lineside.settings import Settings

WHY_NOT = {
    "none": 'it was not recorded; RECORD_CALLS=true, or "record": true in a call\'s first message, keeps the sound',
    "running": "it is still under way",
    "given_up": "its recording was given up: the disk was full, or RECORDS_MAX_MB reached",
}


class ReplayableCall(Struct, frozen=True):
    """A call that can be held again."""

    whole: WholeCall
    recording: Path


async def load_call(settings: Settings, call: str) -> ReplayableCall:
    """The call of that id. Raises `LinesideError` saying why it cannot be replayed."""
    store = Database(settings.records_url, settings.data_dir)
    try:
        async with store.transaction() as connection:
            whole = await queries.whole(connection, call)
    finally:
        await store.close()
    if whole is None:
        raise LinesideError(f"no call {call!r} is kept in these records; `lineside calls` lists those that are")
    if whole.call.recording != "kept":
        raise LinesideError(f"call {call} cannot be replayed: {WHY_NOT[whole.call.recording]}")
    return ReplayableCall(whole, await recording_file(settings, call))
