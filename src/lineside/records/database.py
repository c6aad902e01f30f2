"""The database: SQLite by default, PostgreSQL by address. Every method may raise `Unavailable`, and then did nothing.

A transaction is short: several processes write to one SQLite file (write-ahead log, and up to five seconds' patience).
"""

import asyncio
import fcntl
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa
from msgspec.structs import asdict
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from lineside.errors import ConfigError, LinesideError
from lineside.records.entries import LOST, CallBegan, CallOver, DecisionMade, Entry, RecordingFinished, ReplyEnded
from lineside.records.tables import PARTS, calls, decisions, stage_times, turns

BUSY = 5.0  # seconds that SQLite waits for another writer
ANSWER = 15.0  # seconds for a transaction; then the database counts as gone
LOOK_EVERY = 0.05  # seconds between two looks whether another process has made the tables
CONNECT = 5.0  # seconds to reach PostgreSQL
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6C696E65  # PostgreSQL's advisory lock of whoever changes the tables: "line"


class Unavailable(LinesideError):
    """The database does not answer, is locked, full or broken. Caught by the archive, which tries again."""


class Database:
    """The database of the records."""

    def __init__(self, url: str, folder: Path) -> None:
        """`url` empty: `records.db` in `folder`. Raises `ConfigError`."""
        self._folder = folder
        try:
            made = sa.make_url(url or f"sqlite:///{folder / 'records.db'}")
        except sa.exc.ArgumentError:
            raise ConfigError("RECORDS_URL is no address of a database: postgresql://user:password@host/name") from None
        kind = made.get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise ConfigError(f"RECORDS_URL names {kind}; lineside keeps records in sqlite or postgresql")
        self.lite = kind == "sqlite"
        driver, wait = ("sqlite+aiosqlite", BUSY) if self.lite else ("postgresql+asyncpg", CONNECT)
        # Few connections: one writes, the others answer the page. A dead one is noticed before it is used.
        self._engine: AsyncEngine = create_async_engine(
            made.set(drivername=driver),
            connect_args={"timeout": wait},
            pool_pre_ping=not self.lite,
            pool_size=4,
            max_overflow=0,
            pool_timeout=ANSWER,
        )
        if self.lite:
            sa.event.listen(self._engine.sync_engine, "connect", _set_up_sqlite)
        self._insert = sqlite.insert if self.lite else postgresql.insert
        self._ready, self._making = False, asyncio.Lock()

    async def close(self) -> None:
        """Let go of it."""
        with suppress(SQLAlchemyError, OSError, TimeoutError):
            async with asyncio.timeout(CONNECT):
                await self._engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncConnection, None]:
        """A transaction on tables that are as they should be. Raises `Unavailable`."""
        try:
            async with asyncio.timeout(ANSWER):
                async with self._making:
                    if not self._ready:
                        await self._migrate()
                        self._ready = True
                async with self._engine.begin() as connection:
                    yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as why:
            raise Unavailable(_plain(why)) from why
        except Exception as why:
            if type(why).__module__.partition(".")[0] in ("asyncpg", "sqlite3"):  # not everything is translated
                raise Unavailable(_plain(why)) from why
            raise

    async def _migrate(self) -> None:
        """Bring the tables up to date; one process at a time."""
        async with AsyncExitStack() as stack:
            if self.lite:
                await stack.enter_async_context(_alone(self._folder / "records.lock"))
            async with self._engine.connect() as connection:
                if not self.lite:
                    await connection.execute(sa.text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
                    await connection.commit()
                try:
                    await connection.run_sync(_upgrade)
                    await connection.commit()
                finally:
                    if not self.lite:
                        await connection.execute(sa.text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})"))
                        await connection.commit()

    # ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def write(self, entries: Sequence[Entry]) -> None:
        """Write all of them, or none; what was written before is written again. An entry of a call that was deleted
        is passed over.
        """
        async with self.transaction() as connection:
            began = [entry for entry in entries if isinstance(entry, CallBegan)]
            await self._put(connection, calls, [_call_row(entry) for entry in began], ("id",))
            named = {entry.call for entry in entries}
            found = await connection.execute(sa.select(calls.c.id).where(calls.c.id.in_(named)))
            there = {row.id for row in found}
            known = [entry for entry in entries if entry.call in there]
            replies = [entry for entry in known if isinstance(entry, ReplyEnded)]
            await self._put(connection, turns, [_turn_row(entry) for entry in replies], ("call_id", "reply"))
            times = [
                {"call_id": entry.call, "reply": entry.reply, "stage": stage, "ms": ms}
                for entry in replies
                for stage, ms in entry.stages.items()
            ]
            await self._put(connection, stage_times, times, ("call_id", "reply", "stage"))
            decided = [_row(entry) for entry in known if isinstance(entry, DecisionMade)]
            await self._put(connection, decisions, decided, ("call_id", "number"))
            for entry in known:
                if isinstance(entry, RecordingFinished | CallOver):
                    await connection.execute(sa.update(calls).where(calls.c.id == entry.call).values(_change(entry)))

    async def cut_off(self, keeper: str) -> None:
        """The process with this name is gone; the calls that it had not ended are over."""
        async with self.transaction() as connection:
            mine = sa.and_(calls.c.keeper == keeper, calls.c.reason == "")
            await connection.execute(sa.update(calls).where(mine).values(reason=LOST))
            taping = sa.and_(calls.c.keeper == keeper, calls.c.recording == "running")
            await connection.execute(sa.update(calls).where(taping).values(recording="kept"))

    async def forget(self, ids: Iterable[str]) -> None:
        """Delete calls with all that belongs to them, so that nothing of them can be read from the files either."""
        async with self.transaction() as connection:
            for some in _in_parts(list(ids)):
                for table in PARTS:
                    await connection.execute(sa.delete(table).where(table.c.call_id.in_(some)))
                await connection.execute(sa.delete(calls).where(calls.c.id.in_(some)))
        await self._wipe()

    async def _wipe(self) -> None:
        """SQLite has overwritten the rows (secure_delete), not its log; PostgreSQL keeps dead rows until a vacuum."""
        try:
            async with asyncio.timeout(ANSWER), self._engine.connect() as connection:
                alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
                words = ["PRAGMA wal_checkpoint(TRUNCATE)"] if self.lite else [f"VACUUM {t.name}" for t in PARTS]
                for word in [*words, *([] if self.lite else ["VACUUM calls"])]:
                    await alone.execute(sa.text(word))
        except (SQLAlchemyError, OSError, TimeoutError) as why:
            raise Unavailable(_plain(why)) from why

    async def _put(
        self, connection: AsyncConnection, table: sa.Table, rows: list[dict[str, Any]], key: tuple[str, ...]
    ) -> None:
        """Insert, or change what is there."""
        if not rows:
            return
        statement = self._insert(table)
        rest = {column.name: statement.excluded[column.name] for column in table.c if column.name in rows[0]}
        changed = {name: value for name, value in rest.items() if name not in key}
        await connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed), rows)


def _call_row(entry: CallBegan) -> dict[str, Any]:
    row = _plain_text(asdict(entry))
    row["id"] = row.pop("call")
    return row


def _turn_row(entry: ReplyEnded) -> dict[str, Any]:
    row = _row(entry)
    del row["stages"]
    return row


def _row(entry: Entry) -> dict[str, Any]:
    row = _plain_text(asdict(entry))
    row["call_id"] = row.pop("call")
    return row


def _plain_text(row: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL takes no NUL in a text, and an entry that is never taken would hold up all that come after it."""
    return {name: value.replace("\0", "") if isinstance(value, str) else value for name, value in row.items()}


def _change(entry: RecordingFinished | CallOver) -> dict[str, Any]:
    if isinstance(entry, RecordingFinished):
        return {"recording": entry.recording, "recording_bytes": entry.size}
    return {"ended": entry.ended, "seconds": entry.seconds, "turns": entry.turns, "reason": entry.reason}


def _in_parts(ids: list[str], size: int = 500) -> Iterable[list[str]]:
    """A statement takes some thousands of values at most."""
    return (ids[at : at + size] for at in range(0, len(ids), size))


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _set_up_sqlite(connection: Any, record: object) -> None:
    """Once a connection."""
    cursor = connection.cursor()
    for word in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {word}")
    cursor.close()


@asynccontextmanager
async def _alone(path: Path) -> AsyncGenerator[None, None]:
    """One process at a time; others look again until `ANSWER` is over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        while not _locked(file):  # noqa: ASYNC110 - another process tells us nothing
            await asyncio.sleep(LOOK_EVERY)
        yield


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _plain(why: BaseException) -> str:
    """What the database said, but nothing that may stand in a statement or its values: words of callers do."""
    cause = getattr(why, "orig", None) or why
    told = isinstance(cause, OSError) or type(cause).__name__ == "OperationalError"  # "database is locked" and such
    return f"{type(cause).__name__}: {cause}" if told and str(cause) else type(cause).__name__
