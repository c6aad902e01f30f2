"""The words of what an agent knows: SQLite's full-text index (FTS5) with a Porter stemmer, in memory or a file.

A caller's words are never its query language: each is quoted.
"""

import math
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from lineside.errors import ConfigError

BEST = 32  # passages that are looked at for one question

_SCHEMA = """
CREATE VIRTUAL TABLE passages USING fts5(about, asks, says, source UNINDEXED, verbatim UNINDEXED, tokenize='porter');
"""
_SCORED = """
SELECT rowid, about, asks, says, source, verbatim, bm25(passages, 3.0, 2.0, 1.0) AS score
FROM passages WHERE passages MATCH ? ORDER BY score, rowid LIMIT ?
"""


class Passage(Struct, frozen=True):
    """A thing the agent knows."""

    about: str  # its subject, or the headings above it
    says: str
    asks: tuple[str, ...] = ()  # questions that it answers; they help to find it and are never spoken
    source: str = ""  # the file that it stands in; empty: the agent's own
    verbatim: bool = False  # spoken as it stands


class Hit(Struct, frozen=True):
    """A passage that holds words of a question."""

    number: int  # of the passage, from 0, in the order in which they were given
    passage: Passage
    score: float  # BM25, the higher the better
    covers: float  # share of the question's words that it holds, rare words counting more, 0 to 1
    words: frozenset[str]  # those words


class PassageIndex:
    """Passages and the words in them. Not for several threads at once."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.size: int = database.execute("SELECT count(*) FROM passages").fetchone()[0]

    def close(self) -> None:
        """Let go of the file or the memory."""
        self._database.close()

    def find(self, words: Sequence[str], best: int = BEST) -> list[Hit]:
        """The passages that hold most of these words, the best first. Words are lower case and hold no space.

        A word of the question's that no passage holds counts as the rarest: what is asked about is then not here.
        """
        if not words or not self.size:
            return []
        rows = self._database.execute(_SCORED, (" OR ".join(map(_quoted, words)), best)).fetchall()
        held = {word: self._rows_with(word) for word in words}
        weights = {word: self._weight(len(rows_with)) for word, rows_with in held.items()}
        total = sum(weights.values())
        hits = []
        for row, about, asks, says, source, verbatim, score in rows:
            mine = frozenset(word for word in words if row in held[word])
            passage = Passage(about, says, tuple(asks.split("\n")) if asks else (), source, bool(verbatim))
            hits.append(Hit(row - 1, passage, -score, sum(weights[word] for word in mine) / total, mine))
        return hits

    def passage(self, number: int) -> Passage:
        """The passage of that number. Raises `IndexError`."""
        sql = "SELECT about, asks, says, source, verbatim FROM passages WHERE rowid = ?"
        row = self._database.execute(sql, (number + 1,)).fetchone()
        if row is None:
            raise IndexError(number)
        about, asks, says, source, verbatim = row
        return Passage(about, says, tuple(asks.split("\n")) if asks else (), source, bool(verbatim))

    def holds(self, word: str) -> bool:
        """Whether a passage holds this word, in any form."""
        sql = "SELECT 1 FROM passages WHERE passages MATCH ? LIMIT 1"
        return self._database.execute(sql, (_quoted(word),)).fetchone() is not None

    def rarity(self, word: str) -> float:
        """How much a word tells: the fewer passages hold it, the more."""
        return self._weight(len(self._rows_with(word)))

    def _rows_with(self, word: str) -> set[int]:
        sql = "SELECT rowid FROM passages WHERE passages MATCH ?"
        return {row for (row,) in self._database.execute(sql, (_quoted(word),))}

    def _weight(self, passages_with: int) -> float:
        return math.log(1 + (self.size - passages_with + 0.5) / (passages_with + 0.5))


def build_index(passages: Iterable[Passage], file: Path | None = None) -> PassageIndex:
    """Make an index of these, in memory or as a new file.

    Raises:
        ConfigError: this Python's SQLite has no full-text search.
    """
    database = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None)
    try:
        database.executescript(_SCHEMA)
    except sqlite3.OperationalError as cause:
        database.close()
        raise ConfigError(f"knowledge needs SQLite with FTS5, and this Python's has none: {cause}") from None
    database.execute("BEGIN")
    database.executemany(
        "INSERT INTO passages(about, asks, says, source, verbatim) VALUES (?, ?, ?, ?, ?)",
        ((p.about, "\n".join(p.asks), p.says, p.source, int(p.verbatim)) for p in passages),
    )
    database.execute("COMMIT")
    return PassageIndex(database)


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
