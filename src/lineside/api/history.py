"""The history: calls that are kept, their sound, and how they are forgotten."""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path
from typing import TypeVar

import msgspec

from lineside.api.errors import ApiError
from lineside.api.operation import ApiRequest, ApiServices
from lineside.records.archive import Archive
from lineside.records.database import Unavailable
from lineside.records.entries import CallPage, DeletedCalls, KeptCall, KeptTurn, Waveform, WholeCall
from lineside.records.waveform import waveform as drawn

EXPORTED = 100  # calls read at once
# What spreadsheets take for a formula (OWASP, CSV injection): callers must not be able to say one.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

T = TypeVar("T")


async def page(staff: ApiServices, asked: ApiRequest) -> CallPage:
    """Some of the calls, the newest first."""
    told = asked.query
    return await _there(
        _archive(staff).page(search=told.search, caller=told.caller, before=told.before, limit=told.limit)
    )


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
        raise ApiError(409, "under_way", f"call {asked.named!r} is under way; end it first")
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
        listed = await archive.page(search=asked.query.search, caller=asked.query.caller, before=before, limit=EXPORTED)
        found = [await archive.whole(call.id) for call in listed.calls]
        yield [call for call in found if call is not None]
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
    out = io.StringIO()
    safe = [f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in cells]
    csv.writer(out).writerow(["" if cell is None else cell for cell in safe])
    return out.getvalue().encode()


def _archive(staff: ApiServices) -> Archive:
    if staff.room.records is None:
        raise ApiError(503, "no_records", "calls are not kept; KEEP_CALLS=true keeps them")
    return staff.room.records


async def _there(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except Unavailable as why:
        raise ApiError(503, "records_unavailable", f"the database of the records does not answer: {why}") from why
