"""`lineside calls`: the calls that are kept: list them, show one, delete.

An id may be shortened to any beginning that names one call. Exit code 1: there is no such call.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, time
from typing import Annotated, Any, TypeVar

import sqlalchemy as sa
import typer

from lineside.cli.address import JsonOption
from lineside.cli.output import Column, print_json, print_table, say
from lineside.errors import ConfigError, LinesideError
from lineside.records import queries, tables
from lineside.records.archive import Archive
from lineside.records.database import Database
from lineside.records.entries import CallPage, CallQuery, DeletedCalls, KeptCall, KeptDecision, KeptTurn, WholeCall
from lineside.settings import load_settings

T = TypeVar("T")

SHORT = 8  # letters of an id that are shown, as on the page
LISTED = (
    Column("call"),
    Column("ended", styles={"under way": "green"}),
    Column("began"),
    Column("lasted", right=True),
    Column("caller", grows=True),
    Column("turns", right=True),
    Column("line", drop=2),
    Column("sound", drop=1),
    Column("engines", drop=3),
)
TURNS = (
    Column("turn", right=True),
    Column("at", right=True),
    Column("end of turn", right=True, drop=1),
    Column("first audio", right=True),
    Column("caller", grows=True),
    Column("agent, as it was heard", grows=True),
)
DECISIONS = (
    Column("at", right=True),
    Column("turn", right=True),
    Column("decision"),
    Column("by"),
    Column("why", grows=True),
)

app = typer.Typer(add_completion=False, help="List, show and delete kept calls.")

CallArgument = Annotated[str, typer.Argument(help="Id of the call, or its beginning.")]
SearchOption = Annotated[str, typer.Option(help="Text in the transcript, caller or engine.")]
CallerOption = Annotated[str, typer.Option(help="Only calls of this caller.")]
LineOption = Annotated[str, typer.Option(help="Only calls over this line, such as browser.")]
SinceOption = Annotated[str, typer.Option(metavar="DATE", help="Only calls from this day on, such as 2026-11-30.")]
UntilOption = Annotated[str, typer.Option(metavar="DATE", help="Only calls up to this day.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="How many at most, the newest first.")]


@app.callback(invoke_without_command=True)
def calls(
    context: typer.Context,
    search: SearchOption = "",
    caller: CallerOption = "",
    line: LineOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List kept calls, unless a command follows."""
    if context.invoked_subcommand is None:
        list_calls(search, caller, line, since, until, limit, as_json)


@app.command("list")
def list_calls(
    search: SearchOption = "",
    caller: CallerOption = "",
    line: LineOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List kept calls, the newest first."""
    began, before = _day(since, "--since"), _day(until, "--until", ends=True)
    query = CallQuery(search=search, caller=caller, line=line, since=began, until=before)
    page: CallPage = asyncio.run(_asked(lambda connection: queries.page(connection, query, limit=limit)))
    if as_json:
        print_json(page)
        return
    if page.calls:
        print_table(LISTED, [_row(call) for call in page.calls])
    else:
        say("No matching calls.")
    if page.next:
        say("More calls: use --limit or --until.")


@app.command()
def show(call: CallArgument, as_json: JsonOption = False) -> None:
    """Show one call: what was said, and when and why each turn ended."""

    async def whole(connection: Any) -> WholeCall | None:
        return await queries.whole(connection, await _id(connection, call))

    found = asyncio.run(_asked(whole))
    if found is None:
        raise _unknown(call)
    if as_json:
        print_json(found)
    else:
        _show(found)


@app.command()
def delete(
    call: Annotated[str, typer.Argument(help="Id of the call, or its beginning.")] = "",
    caller: Annotated[str, typer.Option(help="Delete everything kept of this caller instead.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a call, or all calls of a caller, with recordings, for good."""
    if bool(call) == bool(caller):
        raise ConfigError("name the call, or its caller with --caller")
    if call:
        call = whole_id(call)
    what = f"call {call}" if call else f"all calls of {caller!r}"
    if not yes:
        typer.confirm(f"Delete {what}, with recordings, for good?", abort=True)

    async def forget() -> DeletedCalls:
        async with Archive(load_settings()).opened() as archive:
            return await archive.forget(call=call, caller=caller)

    gone = asyncio.run(forget())
    if gone.under_way:
        say(f"under way, not deleted: {', '.join(gone.under_way)}")
    if not gone.calls:
        raise LinesideError(f"nothing was deleted: {what} is not kept" if not gone.under_way else "nothing was deleted")
    say(f"deleted: {len(gone.calls)} {'call' if len(gone.calls) == 1 else 'calls'}")
    if not gone.wiped:
        say(
            "Another program reads the database, so its log still holds what was deleted. A running lineside, or the "
            "next start, empties the log once that program is done."
        )


def whole_id(given: str) -> str:
    """The id of the one kept call that begins so. Raises `LinesideError`."""
    return asyncio.run(_asked(lambda connection: _id(connection, given)))


async def _asked(question: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    settings = load_settings()
    database = Database(settings.records_url, settings.data_dir)
    try:
        async with database.transaction() as connection:
            return await question(connection)
    finally:
        await database.close()


async def _id(connection: Any, given: str) -> str:
    """The whole id of the call that begins so. Raises `LinesideError` when none does, or several."""
    ids = tables.calls.c.id
    wanted = sa.select(ids).where(ids.startswith(given, autoescape=True)).order_by(ids).limit(3)
    found = [row.id for row in await connection.execute(wanted)]
    if given in found:
        return given
    if not found:
        raise _unknown(given)
    if len(found) > 1:
        raise LinesideError(f"several calls begin with {given!r}: {', '.join(found[:2])} …; give more of the id")
    return str(found[0])


def _unknown(call: str) -> LinesideError:
    return LinesideError(f"no call {call!r} is kept; `lineside calls` lists the kept calls")


def _day(word: str, option: str, *, ends: bool = False) -> float | None:
    """Where a day begins or ends, on this machine's clock; seconds since 1970."""
    if not word:
        return None
    try:
        day = datetime.strptime(word, "%Y-%m-%d").date()  # noqa: DTZ007 - the machine's own day, as who asks means it
    except ValueError:
        raise ConfigError(f"{option} {word}: must be a day such as 2026-11-30") from None
    return datetime.combine(day, time.max if ends else time.min).astimezone().timestamp()


def _row(call: KeptCall) -> tuple[str, ...]:
    return (
        call.id[:SHORT],
        "under way" if call.seconds is None else (call.reason or "–").replace("_", " "),
        f"{_moment(call.began):%Y-%m-%d %H:%M}",
        "" if call.seconds is None else f"{call.seconds:.0f} s",
        call.caller or "–",
        str(call.turns),
        f"{call.line} {call.codec}",
        f"{call.recording_bytes / 1e6:.1f} MB" if call.recording == "kept" else call.recording,
        _engines(call),
    )


def _show(whole: WholeCall) -> None:
    call = whole.call
    say(
        f"call {call.id}: {_moment(call.began):%Y-%m-%d %H:%M:%S}, {call.seconds or 0:.1f} s, "
        f"{call.line} {call.codec}, caller {call.caller or 'unknown'}, {_engines(call)}, "
        f"ended: {call.reason or 'under way'}, "
        f"recording: {call.recording}"
    )
    if whole.turns:
        print_table(TURNS, [_turn_row(turn) for turn in whole.turns])
    if whole.decisions:
        say("Turn-taking:")
        print_table(DECISIONS, [_decision_row(decision) for decision in whole.decisions])


def _turn_row(turn: KeptTurn) -> tuple[str, ...]:
    at = turn.speech_ended_at if turn.speech_ended_at is not None else turn.audio_at
    times = (turn.stages.get(stage) for stage in ("endpoint_ms", "e2e_ms"))
    return (
        str(turn.turn or "–"),
        "–" if at is None else f"{at:.1f} s",
        *("–" if ms is None else f"{ms:.0f} ms" for ms in times),
        turn.heard or "–",
        (turn.reached or "–") + (" (interrupted)" if turn.cut else ""),
    )


def _decision_row(decision: KeptDecision) -> tuple[str, ...]:
    score = f"score {decision.score:.2f}" if decision.score is not None else ""
    silence = f"{decision.silence_ms:.0f} ms of silence" if decision.silence_ms is not None else ""
    why = ", ".join(filter(None, (silence, score, decision.reason)))
    return f"{decision.at:.1f} s", str(decision.turn), decision.what, decision.detector, why


def _engines(call: KeptCall) -> str:
    return " → ".join(filter(None, (call.stt, call.llm, call.tts)))


def _moment(began: float) -> datetime:
    return datetime.fromtimestamp(began, UTC).astimezone()
