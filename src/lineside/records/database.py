"""The database: SQLite by default, PostgreSQL by address. Every method may raise `Unavailable`, and then did nothing.

A transaction is short: several processes write to one SQLite file (write-ahead log, and a wait for other writers).
What a transaction wrote is on the disk when it ends (`synchronous=FULL`; PostgreSQL's own default).
"""

import asyncio
import fcntl
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from lineside.errors import ConfigError, LinesideError
from lineside.records import search_index, writes
from lineside.records.entries import Entry
from lineside.records.tables import PARTS

BUSY = 2.0  # seconds that SQLite waits for another writer; then the batch is tried again later
WIPE_BUSY = 0.3  # seconds that emptying SQLite's log waits for readers; then the wipe is owed and tried again later
ANSWER = 15.0  # seconds for a transaction; then the database counts as gone
LOOK_EVERY = 0.05  # seconds between two looks whether another process has made the tables
CONNECT = 5.0  # seconds to reach PostgreSQL
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6C696E65  # PostgreSQL's advisory lock of the process that changes the tables: "line"
BAD_VALUE = ("22", "23")  # SQLSTATE classes (PostgreSQL, appendix A): data exception, integrity constraint violation


class Unavailable(LinesideError):
    """The database does not answer, is locked, full or broken. Caught by the archive, which tries again."""


class SchemaTooNew(Unavailable):
    """A later version of lineside changed the tables: this version must not write to them."""


class Unwritable(LinesideError):
    """The database refuses a value and would refuse it again. Caught by the archive, which sets the entry aside."""


class Database:
    """The database of the records."""

    def __init__(self, url: str, folder: Path) -> None:
        """`url` empty: `records.db` in `folder`. Raises `ConfigError`."""
        self._folder = folder
        try:
            made = sa.make_url(url or f"sqlite:///{folder / 'records.db'}")
        except sa.exc.ArgumentError:
            raise ConfigError("RECORDS_URL is not a database URL; write postgresql://user:password@host/name") from None
        kind = made.get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise ConfigError(f"RECORDS_URL names {kind}; lineside keeps records in sqlite or postgresql")
        self.lite = kind == "sqlite"
        self.indexed = False  # whether there is a full-text index; known once the tables are ready
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
        self._ready, self._preparing = False, asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        with suppress(SQLAlchemyError, OSError, TimeoutError):
            async with asyncio.timeout(CONNECT):
                await self._engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncConnection, None]:
        """A transaction on tables that are up to date. Raises `Unavailable`, or `Unwritable` for a refused value."""
        async with _faults_named(), asyncio.timeout(ANSWER):
            await self.prepare()
            async with self._engine.begin() as connection:
                yield connection

    async def prepare(self) -> None:
        """Create the tables or bring them up to date, once. Raises `SchemaTooNew`, `Unavailable`."""
        async with _faults_named(), self._preparing:
            if not self._ready:
                await self._migrate()
                self._ready = True

    async def _migrate(self) -> None:
        """One process at a time."""
        async with AsyncExitStack() as stack:
            if self.lite:
                await stack.enter_async_context(_alone(self._folder / "records.lock"))
            async with self._engine.connect() as connection:
                if not self.lite:
                    await connection.execute(sa.text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
                    await connection.commit()
                try:
                    if (
                        self.lite
                    ):  # Python's sqlite3 begins no transaction for CREATE TABLE: killed half way, the tables
                        await connection.exec_driver_sql("BEGIN IMMEDIATE")  # would be there without their version
                    await connection.run_sync(_upgrade)
                    if self.lite:
                        self.indexed = await connection.run_sync(search_index.prepare_index)
                    await connection.commit()
                finally:
                    if not self.lite:
                        await connection.execute(sa.text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})"))
                        await connection.commit()

    async def write(self, entries: Sequence[Entry]) -> None:
        """Write all of them, or none; what was written before is written again. An entry of a call that was deleted
        is passed over.
        """
        async with self.transaction() as connection:
            await writes.write(connection, entries)

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete calls with all that belongs to them. What the files still hold is for `wipe`."""
        async with self.transaction() as connection:
            await writes.delete(connection, ids)

    async def wipe(self) -> bool:
        """Remove what deleted rows left in index and log; whether that is done. False: another program reads now.

        SQLite has overwritten the rows themselves (secure_delete). PostgreSQL keeps dead rows until a vacuum.
        """
        async with _faults_named(), asyncio.timeout(ANSWER), self._engine.connect() as connection:
            if not self.lite:
                alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
                for table in ("calls", *(part.name for part in PARTS)):
                    await alone.execute(sa.text(f"VACUUM {table}"))
                return True
            if self.indexed and not search_index.REMOVES_AT_ONCE:
                await self._merge_index(connection)
            alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await alone.execute(sa.text(f"PRAGMA busy_timeout={round(WIPE_BUSY * 1000)}"))
            try:
                row = (await alone.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))).one()
            finally:
                await alone.execute(sa.text(f"PRAGMA busy_timeout={round(BUSY * 1000)}"))
            return bool(row[0] == 0)  # 1: a reader or writer was in the way

    async def _merge_index(self, connection: AsyncConnection) -> None:
        """Merge the index into one piece, some pages at a time: text that was deleted is in no page afterwards."""
        pages = -search_index.MERGE_PAGES  # below nought: begin a whole merge; above: go on with it
        changed, before = 2, -1
        while changed >= 2:  # SQLite's manual, FTS5, 6.8: a difference below two means that nothing is left to do
            total = "SELECT total_changes()"
            before = (await connection.exec_driver_sql(total)).scalar_one()
            await connection.exec_driver_sql(
                f"INSERT INTO search_index(search_index, rank) VALUES ('merge', {pages})"  # noqa: S608 - a number
            )
            changed = (await connection.exec_driver_sql(total)).scalar_one() - before
            await connection.commit()
            pages = search_index.MERGE_PAGES


@asynccontextmanager
async def _faults_named() -> AsyncGenerator[None, None]:
    """Raise `Unwritable` for a value that the database refuses, `Unavailable` for everything else it does."""
    try:
        yield
    except (DataError, IntegrityError, OverflowError) as why:
        raise Unwritable(type(why).__name__) from why
    except (SQLAlchemyError, OSError, TimeoutError) as why:
        raise _fault(why) from why
    except Exception as why:
        if type(why).__module__.partition(".")[0] in ("asyncpg", "sqlite3"):  # not everything is translated
            raise _fault(why) from why
        raise


def _fault(why: Exception) -> LinesideError:
    told = getattr(why, "orig", None) or why
    state = getattr(getattr(told, "__cause__", None) or told, "sqlstate", None) or ""
    return Unwritable(type(told).__name__) if str(state)[:2] in BAD_VALUE else Unavailable(_plain(why))


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if newer := set(MigrationContext.configure(connection).get_current_heads()) - known:
        raise SchemaTooNew(
            f"a newer lineside changed the database of the call records (schema {', '.join(sorted(newer))}; this "
            f"version knows {max(known)}), and this version cannot use it. Install the newer version again, or name "
            "another database: RECORDS_URL, or another DATA_DIR"
        )
    command.upgrade(config, "head")


SQLITE_SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # a record that left the spool is on the disk, power cut or not
    "foreign_keys=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",  # no temporary file with words of callers, and no descriptor for one
)


def _set_up_sqlite(connection: Any, record: object) -> None:
    """Once a connection."""
    try:
        cursor = connection.cursor()
        for word in SQLITE_SETTINGS:
            cursor.execute(f"PRAGMA {word}")
        cursor.close()
    except BaseException:
        connection.close()  # it is in no pool yet: nobody else would
        raise


@asynccontextmanager
async def _alone(path: Path) -> AsyncGenerator[None, None]:
    """One process at a time; others look again until `ANSWER` is over."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
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
    """What the database said, without what may stand in a statement or its values: words of callers do."""
    cause = getattr(why, "orig", None) or why
    told = isinstance(cause, OSError) or type(cause).__name__ == "OperationalError"  # "database is locked" and such
    return f"{type(cause).__name__}: {cause}" if told and str(cause) else type(cause).__name__
