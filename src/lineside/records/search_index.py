"""The text that the search looks through, and SQLite's full-text index over it.

Text and search words are folded alike (case, accents, width), so that "ÄRGER" and "arger" find "Ärger". SQLite
indexes the folded text by groups of three letters (FTS5, trigram), which finds words inside words; PostgreSQL, and
shorter words, use LIKE.
"""

import re
import sqlite3
import unicodedata
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from lineside.records.tables import calls, search_texts

INDEXED_LENGTH = 3  # letters; the index holds groups of this many, so a shorter word needs LIKE
SEARCHED = (
    *("id", "caller", "called", "diverted_from", "carrier_call_id", "transferred_to", "line", "codec"),
    *("agent", "stt", "llm", "llm_model", "tts", "tts_voice"),
)
# What the page and the command line call an end reason, besides the reason itself with spaces.
REASON_LABELS = {
    "line_lost": "line lost, connection lost",
    "caller_hung_up": "caller hung up",
    "caller_silent": "caller silent",
    "caller_repeats": "caller repeated the same phrase",
    "engines_failed": "engines failed repeatedly",
    "ended_by_operator": "ended by an operator",
    "drained": "ended for maintenance",
    "transferred": "transferred to a colleague",
    "voicemail": "an answering machine took it",
    "voicemail_left": "an answering machine has the message",
    "no_answer": "nobody answered",
    "rejected": "they refused the call",
    "not_reached": "no such number, or the line could not call it",
    "cancelled": "given up before anybody answered",
    "no_audio": "no sound came from the line",
    "gateway_died": "gateway died, cut off",
    "": "live, under way",
}
RECORDING_LABELS = {"kept": "recorded, recording", "none": "not recorded", "given_up": "recording given up"}

CREATE_INDEX = (
    "CREATE VIRTUAL TABLE search_index USING fts5(text, content='search_texts', content_rowid='id', "
    "tokenize='trigram case_sensitive 1')"
)
REMOVE = "INSERT INTO search_index(search_index, rowid, text) VALUES ('delete', old.id, old.text);"
ADD = "INSERT INTO search_index(rowid, text) VALUES (new.id, new.text);"
TRIGGERS = {  # SQLite's manual, FTS5, 4.4.3: the index follows its table
    "search_added": f"AFTER INSERT ON search_texts BEGIN {ADD} END",
    "search_removed": f"AFTER DELETE ON search_texts BEGIN {REMOVE} END",
    "search_changed": f"AFTER UPDATE ON search_texts BEGIN {REMOVE} {ADD} END",
}
MERGE_PAGES = 500  # of the index, rewritten in one transaction
# From this version on FTS5 removes deleted text from its pages itself; before, the index is merged after a deletion.
REMOVES_AT_ONCE = sqlite3.sqlite_version_info >= (3, 42)


def folded(text: str) -> str:
    """Without case, accents and differences of width."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()


def search_words(search: str) -> list[str]:
    """The words of a search, folded; what stands in double quotes is one word."""
    found = re.findall(r'"([^"]*)"|(\S+)', search)
    return list(filter(None, (folded(quoted or word).strip() for quoted, word in found)))


def about_call(row: Mapping[str, Any]) -> str:
    """What the search finds a call by, besides its turns: a row of `calls`."""
    labels = (
        row["reason"],
        row["reason"].replace("_", " "),
        REASON_LABELS.get(row["reason"], ""),
        RECORDING_LABELS.get(row["recording"], ""),
        *("asked for a person" for asked in (row["asked_for_person"],) if asked),
        *(row[name] for name in ("outcome", "tags", "note")),
    )
    return folded("\n".join(filter(None, (*(row[name] for name in SEARCHED), *labels))))


def contains_word(word: str, *, indexed: bool) -> "sa.ColumnElement[bool]":
    """The condition that a call contains this folded word somewhere."""
    found = sa.select(search_texts.c.call_id)
    if indexed and len(word) >= INDEXED_LENGTH:
        quoted = '"' + word.replace('"', '""') + '"'
        matching = sa.text("search_texts.id IN (SELECT rowid FROM search_index WHERE search_index MATCH :word)")
        found = found.where(matching.bindparams(sa.bindparam("word", quoted, unique=True)))
    else:
        escaped = re.sub(r"([\\%_])", r"\\\1", word)
        found = found.where(search_texts.c.text.like(f"%{escaped}%", escape="\\"))
    return calls.c.id.in_(found)


def prepare_index(connection: sa.Connection) -> bool:
    """Create SQLite's index and fill it, where it is missing; whether this SQLite has full-text search."""
    execute = connection.exec_driver_sql
    there = {row[0] for row in execute("SELECT name FROM sqlite_master WHERE name LIKE 'search_%'")}
    if not execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").scalar():
        for name in TRIGGERS:  # made by another SQLite; without FTS5 each write would fail
            execute(f"DROP TRIGGER IF EXISTS {name}")
        return False
    fresh = "search_index" not in there
    if fresh:
        execute(CREATE_INDEX)
        if REMOVES_AT_ONCE:
            execute("INSERT INTO search_index(search_index, rank) VALUES ('secure-delete', 1)")
    if not set(TRIGGERS) <= there:
        for name, rule in TRIGGERS.items():
            execute(f"DROP TRIGGER IF EXISTS {name}")
            execute(f"CREATE TRIGGER {name} {rule}")
        execute("INSERT INTO search_index(search_index) VALUES ('rebuild')")
    return True
