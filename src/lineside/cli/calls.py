"""`lineside calls`: the calls that are kept. Lists them, shows one, deletes.

Ends with 1 when there is no such call.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, time
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lineside.errors import ConfigError, LinesideError
from lineside.records import queries
from lineside.records.archive import Archive
from lineside.records.database import Database
from lineside.records.entries import CallPage, CallQuery, DeletedCalls, KeptCall, WholeCall
from lineside.settings import load_settings

T = TypeVar("T")


def calls(
    call: Annotated[str, typer.Argument(help="Show this one; none: list them.")] = "",
    search: Annotated[str, typer.Option(help="Letters of what was said, of a caller, of an engine, …")] = "",
    caller: Annotated[str, typer.Option(help="Of this caller alone.")] = "",
    line: Annotated[str, typer.Option(help="Over this line alone, such as browser.")] = "",
    since: Annotated[str, typer.Option(metavar="DATE", help="Begun on this day or later, such as 2026-11-30.")] = "",
    until: Annotated[str, typer.Option(metavar="DATE", help="Begun on this day or before.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many at most, the newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: JSON.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete CALL, with its recording, without a trace.")] = False,
    delete_caller: Annotated[str, typer.Option(metavar="CALLER", help="Delete all that is kept of a caller.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """The calls that are kept: list them, show one, delete."""
    if delete and not call:
        raise ConfigError("--delete: name the call, as in `lineside calls CALL --delete`")
    if delete or delete_caller:
        _forget(call if delete else "", delete_caller, sure=yes)
    elif call:
        whole = asyncio.run(_asked(lambda connection: queries.whole(connection, call)))
        if whole is None:
            raise LinesideError(f"no call {call!r} is kept; `lineside calls` lists those that are")
        _print_json(whole) if as_json else _show(whole)
    else:
        began, before = _day(since, "--since"), _day(until, "--until", ends=True)
        query = CallQuery(search=search, caller=caller, line=line, since=began, until=before)
        page = asyncio.run(_asked(lambda connection: queries.page(connection, query, limit=limit)))
        _print_json(page) if as_json else _list(page)


async def _asked(question: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    settings = load_settings()
    store = Database(settings.records_url, settings.data_dir)
    try:
        async with store.transaction() as connection:
            return await question(connection)
    finally:
        await store.close()


def _forget(call: str, caller: str, *, sure: bool) -> None:
    what = f"call {call}" if call else f"all calls of {caller!r}"
    if not sure:
        typer.confirm(f"Delete {what}, with recordings, for good?", abort=True)

    async def forget() -> DeletedCalls:
        async with Archive(load_settings()).opened() as archive:
            return await archive.forget(call=call, caller=caller)

    gone = asyncio.run(forget())
    if gone.under_way:
        Console().print(f"under way, and left alone: {', '.join(gone.under_way)}", highlight=False)
    if not gone.calls:
        raise LinesideError(f"nothing was deleted: {what} is not kept" if not gone.under_way else "nothing was deleted")
    Console().print(f"deleted: {len(gone.calls)} {'call' if len(gone.calls) == 1 else 'calls'}", highlight=False)
    if not gone.wiped:
        Console().print(
            "Another program reads the database, so its log still holds what was deleted. A running lineside, or the "
            "next start, empties the log once that program is done.",
            highlight=False,
        )


def _day(word: str, option: str, *, ends: bool = False) -> float | None:
    """Where a day begins or ends, on this machine's clock; seconds since 1970."""
    if not word:
        return None
    try:
        day = datetime.strptime(word, "%Y-%m-%d").date()  # noqa: DTZ007 - the machine's own day, as who asks means it
    except ValueError:
        raise ConfigError(f"{option} {word}: must be a day such as 2026-11-30") from None
    return datetime.combine(day, time.max if ends else time.min).astimezone().timestamp()


def _list(page: CallPage) -> None:
    table = Table("call", "began", "lasted", "line", "caller", "turns", "engines", "ended", "sound", box=box.SIMPLE)
    for call in page.calls:
        table.add_row(*map(escape, _row(call)))
    Console().print(table if page.calls else "No call is kept that fits.")
    if page.next:
        Console().print("There are older ones: --limit or --until shows them.")


def _row(call: KeptCall) -> tuple[str, ...]:
    return (
        call.id,
        _moment(call.began),
        "under way" if call.seconds is None else f"{call.seconds:.0f} s",
        f"{call.line} {call.codec}",
        call.caller or "–",
        str(call.turns),
        _engines(call),
        call.reason or "–",
        f"{call.recording_bytes / 1e6:.1f} MB" if call.recording == "kept" else call.recording,
    )


def _show(whole: WholeCall) -> None:
    out, call = Console(), whole.call
    out.print(
        f"call {call.id}: {_moment(call.began)}, {call.seconds or 0:.1f} s, {call.line} {call.codec}, caller "
        f"{call.caller or 'unknown'}, {_engines(call)}, ended: {call.reason or 'under way'}, sound: {call.recording}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    turns = Table("turn", "at", "caller", "agent, as it was heard", "end of turn", "end to end", box=box.SIMPLE)
    for turn in whole.turns:
        at = turn.speech_ended_at if turn.speech_ended_at is not None else turn.audio_at
        took = (turn.stages.get(stage) for stage in ("endpoint_ms", "e2e_ms"))
        turns.add_row(
            str(turn.turn or "–"),
            "–" if at is None else f"{at:.1f} s",
            escape(turn.heard) or "–",
            (escape(turn.reached) or "–") + (" [dim](talked over)[/]" if turn.cut else ""),
            *("–" if ms is None else f"{ms:.0f} ms" for ms in took),
        )
    out.print(turns)
    decided = Table("at", "turn", "decision", "by", "why", box=box.SIMPLE)
    for decision in whole.decisions:
        score = f"score {decision.score:.2f}" if decision.score is not None else ""
        silence = f"{decision.silence_ms:.0f} ms of silence" if decision.silence_ms is not None else ""
        why = ", ".join(filter(None, (silence, score, escape(decision.reason))))
        decided.add_row(f"{decision.at:.1f} s", str(decision.turn), decision.what, decision.detector, why)
    out.print(decided)


def _engines(call: KeptCall) -> str:
    return " → ".join(filter(None, (call.stt, call.llm, call.tts)))


def _moment(began: float) -> str:
    return f"{datetime.fromtimestamp(began, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _print_json(value: CallPage | WholeCall) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
