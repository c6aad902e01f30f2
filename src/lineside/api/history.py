"""The call history: kept calls, their sound, exports, deletion."""

import asyncio
import csv
import io
import unicodedata
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path
from typing import TypeVar

import msgspec

from lineside.api.api_services import ApiServices
from lineside.api.errors import ApiError
from lineside.api.operation import operation
from lineside.api.schemas import AnnotateCall, CallFilter, ExportCalls, UnansweredFilter
from lineside.protocol import AnsweredBy, ReplyMetrics
from lineside.records.archive import Archive
from lineside.records.database import Unavailable
from lineside.records.entries import (
    CallNotes,
    CallPage,
    CallQuery,
    DeletedCalls,
    KeptCall,
    KeptTurn,
    UnansweredQuestions,
    Waveform,
    WholeCall,
)
from lineside.records.unanswered import UnansweredQuery
from lineside.records.waveform import waveform as drawn

EXPORTED = 100  # calls read at once
# What spreadsheets take for the beginning of a formula (OWASP, CSV injection), wide forms included.
FORMULA = ("=", "+", "-", "@", "|", "%", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "％", "−")

T = TypeVar("T")


HISTORY = "History"
EXAMPLE = "5f0c"


@operation("GET", "/api/history", group=HISTORY)
async def list_kept_calls(api: ApiServices, query: CallFilter) -> CallPage:
    """List the kept calls, the newest first."""
    return await _there(_archive(api).page(_query(query), before=query.before, limit=query.limit))


@operation("GET", "/api/history/export.jsonl", group=HISTORY, streams="ndjson", pieces=WholeCall)
async def export_jsonl(api: ApiServices, query: ExportCalls) -> AsyncGenerator[bytes, None]:
    """Export all kept calls, or those that match, one JSON object a line."""
    pages = _pages(_archive(api), query)
    return (msgspec.json.encode(call) + b"\n" async for call in _calls(await _first(pages), pages))


@operation("GET", "/api/history/export.csv", group=HISTORY, streams="csv")
async def export_csv(api: ApiServices, query: ExportCalls) -> AsyncGenerator[bytes, None]:
    """Export the same as a table for spreadsheets, one turn a line."""
    pages = _pages(_archive(api), query)
    return _table(await _first(pages), pages)


@operation("GET", "/api/calls/{id}", group=HISTORY, errors=(404,), named=EXAMPLE)
async def kept_call(api: ApiServices, name: str) -> WholeCall:
    """Get everything kept of a call: turns, latencies, decisions and their reasons."""
    call = await _there(_archive(api).whole(name))
    if call is None:
        raise ApiError(404, "unknown_call", f"no call {name!r} is in the history; GET /api/history lists all")
    return call


@operation("GET", "/api/calls/{id}/audio", group=HISTORY, errors=(206, 404, 416), streams="flac", named=EXAMPLE)
async def recording(api: ApiServices, name: str) -> Path:
    """Get a call's recording, caller left, agent right. Supports ranges."""
    return await _recording(api, name)


@operation("GET", "/api/calls/{id}/waveform", group=HISTORY, errors=(404,), named=EXAMPLE)
async def waveform(api: ApiServices, name: str) -> Waveform:
    """Get the loudness of both voices over a recording."""
    path = await _recording(api, name)
    try:
        return await asyncio.to_thread(drawn, path)
    except (OSError, RuntimeError) as why:  # libsndfile's faults are of the second kind
        raise ApiError(404, "no_recording", "the recording cannot be read") from why


@operation("GET", "/api/unanswered", group=HISTORY)
async def unanswered(api: ApiServices, query: UnansweredFilter) -> UnansweredQuestions:
    """List the questions that the agent could not answer, the most frequent first, and who asked them."""
    wanted = msgspec.convert(msgspec.to_builtins(query), UnansweredQuery)
    return await _there(_archive(api).unanswered(wanted))


@operation(
    "PUT",
    "/api/calls/{id}/notes",
    group=HISTORY,
    errors=(404,),
    named=EXAMPLE,
    example={"outcome": "solved", "tags": ["billing"], "note": "Call back on Monday."},
)
async def annotate_call(api: ApiServices, name: str, body: AnnotateCall) -> CallNotes:
    """Write the outcome, the tags and the note of a call, under way or kept."""
    try:
        return await _there(_archive(api).annotate(name, body.outcome, body.tags, body.note))
    except KeyError:
        raise ApiError(404, "unknown_call", f"no call {name!r} is in the history; GET /api/history lists all") from None


@operation("DELETE", "/api/calls/{id}", group=HISTORY, errors=(404, 409), named=EXAMPLE)
async def delete_call(api: ApiServices, name: str) -> DeletedCalls:
    """Delete a call and its recording for good."""
    gone = await _there(_archive(api).forget(call=name))
    if gone.under_way:
        raise ApiError(
            409,
            "under_way",
            f"call {name!r} is under way, or its recording is being written; end the call first",
        )
    if not gone.calls:
        raise ApiError(404, "unknown_call", f"no call {name!r} is kept")
    return gone


@operation("DELETE", "/api/callers/{caller}", group=HISTORY, named="+15550100")
async def delete_caller(api: ApiServices, name: str) -> DeletedCalls:
    """Delete all finished calls of a caller, with their recordings, for good."""
    return await _there(_archive(api).forget(caller=name))


async def _recording(api: ApiServices, name: str) -> Path:
    kept = await _there(_archive(api).whole(name))  # while a call is up, only its worker can know
    recorded = kept is not None and kept.call.recording == "kept"
    path = await _there(_archive(api).recording(name)) if recorded else None
    if path is None:
        raise ApiError(404, "no_recording", f"there is no recording of a call {name!r} that is over")
    return path


Pages = AsyncGenerator[list[WholeCall], None]


async def _pages(archive: Archive, query: ExportCalls) -> Pages:
    before = ""
    while True:
        listed = await archive.page(_query(query), before=before, limit=EXPORTED)
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


# How the table flattens what is no single value.
PACKED = ("stages", "engines", "answered")
ANSWERED = (("stt", "model"), ("llm", "model"), ("tts", "voice"))
TIMES = tuple(name for name in ReplyMetrics.__struct_fields__ if name.endswith("_ms"))


async def _table(first: list[WholeCall], pages: Pages) -> AsyncGenerator[bytes, None]:
    of_call = tuple(name for name in KeptCall.__struct_fields__ if name not in PACKED)
    of_turn = tuple(name for name in KeptTurn.__struct_fields__ if name not in PACKED)
    answered = (word for role, model in ANSWERED for word in (f"{role}_engine", f"{role}_{model}"))
    yield _line([*(f"call_{name}" for name in of_call), *of_turn, *answered, "fallback", *TIMES])
    async for call in _calls(first, pages):
        left = [_cell(getattr(call.call, name)) for name in of_call]
        if not call.turns:
            yield _line(left)
        for turn in call.turns:
            times = [turn.stages.get(stage) for stage in TIMES]
            yield _line([*left, *(_cell(getattr(turn, name)) for name in of_turn), *_answered(turn), *times])


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()  # as in JSON
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _answered(turn: KeptTurn) -> list[object]:
    """Who answered this turn, and in whose place."""
    by = [turn.engines.get(role, AnsweredBy("")) for role, _ in ANSWERED]
    stood_in = [f"{role}: {one.instead_of} {one.why}" for (role, _), one in zip(ANSWERED, by, strict=True) if one.why]
    return [*(word for one in by for word in (one.engine, one.model)), "; ".join(stood_in)]


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


def _archive(api: ApiServices) -> Archive:
    if api.dependencies.records is None:
        raise ApiError(503, "no_records", "the history is off; turn it on with KEEP_CALLS=true")
    return api.dependencies.records


async def _there(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except Unavailable as why:
        raise ApiError(503, "records_unavailable", f"the database of call records is unreachable: {why}") from why
