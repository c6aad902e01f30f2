"""`lineside calls`: the calls that are kept: list them, show one, delete.

An id may be shortened to any beginning that names one call. Exit code 1: there is no such call.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, time
from typing import Annotated, Any, TypeVar

import sqlalchemy as sa
import typer
from typer.core import TyperGroup

from lineside.cli.address import JsonOption
from lineside.cli.call_tables import LISTED, QUESTIONS, call_row, question_row, show_call
from lineside.cli.output import print_json, print_table, say
from lineside.errors import ConfigError, LinesideError
from lineside.records import queries, tables
from lineside.records.archive import Archive
from lineside.records.database import Database
from lineside.records.entries import CallNotes, CallPage, CallQuery, DeletedCalls, UnansweredQuestions, WholeCall
from lineside.records.unanswered import UnansweredQuery
from lineside.records.unanswered import unanswered as unanswered_questions
from lineside.records.writes import annotate
from lineside.settings import load_settings

T = TypeVar("T")


class CallsGroup(TyperGroup):
    """`lineside calls` lists them, `lineside calls 5f0c` shows that one."""

    default = "list"

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """What begins with an option is a list; what is no command is an id."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [self.default, *args]
        elif args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=CallsGroup,
    add_completion=False,
    help="List kept calls, as without a command; show one by its id alone; note; delete.",
)

CallArgument = Annotated[str, typer.Argument(help="Id of the call, or its beginning.")]
SearchOption = Annotated[str, typer.Option(help="Text in the transcript, caller or engine.")]
CallerOption = Annotated[str, typer.Option(help="Only calls of this caller.")]
LineOption = Annotated[str, typer.Option(help="Only calls over this line, such as browser.")]
SinceOption = Annotated[str, typer.Option(metavar="DATE", help="Only calls from this day on, such as 2026-11-30.")]
UntilOption = Annotated[str, typer.Option(metavar="DATE", help="Only calls up to this day.")]
UnansweredOption = Annotated[bool, typer.Option("--unanswered", help="List questions without an answer instead.")]
PersonOption = Annotated[bool, typer.Option("--asked-for-person", help="Only calls whose caller asked for a person.")]
TagOption = Annotated[str, typer.Option(help="Only calls with this tag.")]
TestOption = Annotated[bool | None, typer.Option("--test/--no-test", help="Only test calls, or none of them.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="How many at most, the newest first.")]


@app.command("list")
def list_calls(
    search: SearchOption = "",
    caller: CallerOption = "",
    line: LineOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    tag: TagOption = "",
    person: PersonOption = False,
    unanswered: UnansweredOption = False,
    test: TestOption = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List kept calls, the newest first."""
    began, before = _day(since, "--since"), _day(until, "--until", ends=True)
    if unanswered:
        _list_questions(UnansweredQuery(since=began, until=before, limit=limit), as_json)
        return
    query = CallQuery(
        search=search,
        caller=caller,
        line=line,
        test=test,
        since=began,
        until=before,
        tag=tag,
        asked_for_person=True if person else None,
    )
    page: CallPage = asyncio.run(_asked(lambda connection: queries.page(connection, query, limit=limit)))
    if as_json:
        print_json(page)
        return
    if page.calls:
        print_table(LISTED, [call_row(call) for call in page.calls])
    else:
        say("No matching calls.")
    if page.next:
        say("More calls: use --limit or --until.")


def _list_questions(query: UnansweredQuery, as_json: bool) -> None:
    found: UnansweredQuestions = asyncio.run(_asked(lambda connection: unanswered_questions(connection, query)))
    if as_json:
        print_json(found)
    elif found.questions:
        print_table(QUESTIONS, [question_row(question) for question in found.questions])
    else:
        say("No questions without an answer.")


@app.command()
def note(
    call: CallArgument,
    outcome: Annotated[str | None, typer.Option(help='Such as "solved"; "": none.')] = None,
    tag: Annotated[list[str] | None, typer.Option(help="One of the call's tags, replacing those before.")] = None,
    words: Annotated[str | None, typer.Option("--note", help="Text of the note.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the outcome, the tags and the note of a call."""

    async def write(connection: Any) -> CallNotes | None:
        known = await _id(connection, call)
        return await annotate(connection, known, outcome=outcome, tags=tag or None, note=words)

    written = asyncio.run(_asked(write))
    if written is None:
        raise _unknown(call)
    if as_json:
        print_json(written)
    else:
        say(f"outcome: {written.outcome or '–'}; tags: {', '.join(written.tags) or '–'}; note: {written.note or '–'}")


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
        show_call(found)


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


def whole_call(call: str) -> WholeCall:
    """All that is kept of the call of that id. Raises `LinesideError`."""
    found = asyncio.run(_asked(lambda connection: queries.whole(connection, call)))
    if found is None:
        raise _unknown(call)
    return found


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
