"""The call history: kept calls, their sound, exports, deletion."""

import asyncio
import csv
import io
import unicodedata
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path
from typing import TypeVar

import msgspec

from lineside.api.errors import ApiError
from lineside.api.operation import ApiRequest, ApiServices
from lineside.api.schemas import ExportCalls
from lineside.records.archive import Archive
from lineside.records.database import Unavailable
from lineside.records.entries import CallPage, CallQuery, DeletedCalls, KeptCall, KeptTurn, Waveform, WholeCall
from lineside.records.waveform import waveform as drawn

EXPORTED = 100  # calls read at once
# What spreadsheets take for the beginning of a formula (OWASP, CSV injection), wide forms included.
FORMULA = ("=", "+", "-", "@", "|", "%", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "％", "−")

T = TypeVar("T")


async def page(staff: ApiServices, asked: ApiRequest) -> CallPage:
    """Some of the calls, the newest first."""
    query = asked.query
    return await _there(_archive(staff).page(_query(query), before=query.before, limit=query.limit))


async def whole(staff: ApiServices, asked: ApiRequest) -> WholeCall:
    """One call."""
    call = await _there(_archive(staff).whole(asked.named))
    if call is None:
        raise ApiError(404, "unknown_call", f"no call {asked.named!r} is kept; GET /api/history lists those that are")
    return call


async def audio(staff: ApiServices, asked: ApiRequest) -> Path:
    """The file of its recording."""
    path = _archive(staff).recording(asked.named)
    kept = await _there(_archive(staff).whole(asked.named))
    if path is None or kept is None or kept.call.recording != "kept":  # while a call is up, only its worker can know
        raise ApiError(404, "no_recording", f"there is no recording of a call {asked.named!r} that is over")
    return path


async def waveform(staff: ApiServices, asked: ApiRequest) -> Waveform:
    """How loud it is, and when."""
    path = await audio(staff, asked)
    try:
        return await asyncio.to_thread(drawn, path)
    except (OSError, RuntimeError) as why:  # libsndfile's faults are of the second kind
        raise ApiError(404, "no_recording", "the recording cannot be read") from why


async def forget(staff: ApiServices, asked: ApiRequest) -> DeletedCalls:
    """Delete a call."""
    gone = await _there(_archive(staff).forget(call=asked.named))
    if gone.under_way:
        raise ApiError(
            409,
            "under_way",
            f"call {asked.named!r} is under way, or its recording is being written; end the call first",
        )
    if not gone.calls:
        raise ApiError(404, "unknown_call", f"no call {asked.named!r} is kept")
    return gone


async def forget_caller(staff: ApiServices, asked: ApiRequest) -> DeletedCalls:
    """Delete a caller's calls."""
    return await _there(_archive(staff).forget(caller=asked.named))


async def as_jsonl(staff: ApiServices, asked: ApiRequest) -> AsyncGenerator[bytes, None]:
    """A call a line."""
    pages = _pages(_archive(staff), asked)
    return (msgspec.json.encode(call) + b"\n" async for call in _calls(await _first(pages), pages))


async def as_csv(staff: ApiServices, asked: ApiRequest) -> AsyncGenerator[bytes, None]:
    """A turn a line."""
    pages = _pages(_archive(staff), asked)
    return _table(await _first(pages), pages)


Pages = AsyncGenerator[list[WholeCall], None]


async def _pages(archive: Archive, asked: ApiRequest) -> Pages:
    before = ""
    while True:
        listed = await archive.page(_query(asked.query), before=before, limit=EXPORTED)
        yield await archive.whole_calls([call.id for call in listed.calls])
        before = listed.next
        if not before:
            return


async def _first(pages: Pages) -> list[WholeCall]:
    """Read before the answer begins, so that a database that is down is a 503 and no empty file."""
    return await _there(anext(pages))


async def _calls(first: list[WholeCall], pages: Pages) -> AsyncGenerator[WholeCall, None]:
    for call in first:
        yield call
    async for some in pages:
        for call in some:
            yield call


async def _table(first: list[WholeCall], pages: Pages) -> AsyncGenerator[bytes, None]:
    of_call, of_turn = KeptCall.__struct_fields__, KeptTurn.__struct_fields__[:-1]
    stages = ("endpoint_ms", "asr_ms", "llm_first_ms", "llm_ms", "tts_first_ms", "tts_ms", "e2e_ms")
    yield _line([*(f"call_{name}" for name in of_call), *of_turn, *stages])
    async for call in _calls(first, pages):
        left = [getattr(call.call, name) for name in of_call]
        if not call.turns:
            yield _line(left)
        for turn in call.turns:
            times = [turn.stages.get(stage) for stage in stages]
            yield _line([*left, *(getattr(turn, name) for name in of_turn), *times])


def _line(cells: list[object]) -> bytes:
    """Every cell in quotes: spreadsheets of some countries split at semicolons, too."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([_safe(cell) for cell in cells])
    return out.getvalue().encode("utf-8", "replace")


def _safe(cell: object) -> object:
    """A text that a spreadsheet would calculate gets an apostrophe before it."""
    if not isinstance(cell, str):
        return "" if cell is None else cell
    return f"'{cell}" if cell.startswith(FORMULA) or _visible(cell).startswith(FORMULA) else cell


def _visible(text: str) -> str:
    """Without the spaces, control and format characters before the first letter or sign."""
    begins = (at for at, letter in enumerate(text) if unicodedata.category(letter)[0] not in "ZC")  # Unicode: Z, C
    return text[next(begins, len(text)) :]


def _query(asked: ExportCalls) -> CallQuery:
    """What the database is asked; PostgreSQL takes no NUL."""
    given = ((name, getattr(asked, name)) for name in CallQuery.__struct_fields__)
    return msgspec.convert(
        {name: one.replace("\0", "") if isinstance(one, str) else one for name, one in given}, CallQuery
    )


def _archive(staff: ApiServices) -> Archive:
    if staff.room.records is None:
        raise ApiError(503, "no_records", "calls are not kept; KEEP_CALLS=true keeps them")
    return staff.room.records


async def _there(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except Unavailable as why:
        raise ApiError(503, "records_unavailable", f"the database of the records does not answer: {why}") from why
