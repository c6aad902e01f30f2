"""Questions that agents could not answer, grouped by their words: what an operator improves an agent by."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from lineside.records.entries import AskedAt, UnansweredQuestion, UnansweredQuestions
from lineside.records.search_index import folded
from lineside.records.tables import calls, turns
from lineside.transports.call_facts import TEST_LINE

LOOKED_THROUGH = 2000  # turns, the newest; older ones are not grouped
MOST_ASKED = 20  # places that one question names
ALIKE = 0.6  # of all content words of two questions that both have: then they are one question
# Words that say nothing about the subject of a question.
FILLING = frozenset(
    re.findall(
        r"\S+",
        "a an and are at be can could d did do does for from have hello hey hi how i i'd i'm in is it it's like ll "
        "many me much my of off on or our please s so that the there this to um uh want was we were what what's when "
        "where which who why will with would yes you your",
    )
)


class UnansweredQuery(Struct, frozen=True, kw_only=True):
    """Which questions are asked for; what is left out narrows nothing."""

    agent: str = ""
    why: str = ""  # an `UnansweredReason`
    since: float | None = None  # in calls that began at or after this moment
    until: float | None = None
    limit: int = 50


async def unanswered(connection: AsyncConnection, query: UnansweredQuery) -> UnansweredQuestions:
    """The questions without an answer, the most frequent first."""
    wanted = [
        turns.c.unanswered == query.why if query.why else turns.c.unanswered != "",
        turns.c.heard != "",
        calls.c.line != TEST_LINE,
    ]
    if query.agent:
        wanted.append(calls.c.agent == query.agent)
    if query.since is not None:
        wanted.append(calls.c.began >= query.since)
    if query.until is not None:
        wanted.append(calls.c.began <= query.until)
    columns = (calls.c.agent, calls.c.began, *(turns.c[name] for name in _TURN))
    found = await connection.execute(
        sa.select(*columns)
        .join(calls, calls.c.id == turns.c.call_id)
        .where(*wanted)
        .order_by(calls.c.began.desc(), turns.c.reply.desc())
        .limit(LOOKED_THROUGH)
    )
    rows = found.all()
    groups = grouped(_Row(**row._mapping) for row in rows)
    groups.sort(key=lambda group: (-group.times, -group.last))
    return UnansweredQuestions(tuple(groups[: query.limit]), len(rows))


_TURN = ("call_id", "reply", "heard", "said", "unanswered", "speech_ended_at", "heard_at")


class _Row(Struct, frozen=True):
    """A turn without an answer."""

    agent: str
    began: float
    call_id: str
    reply: int
    heard: str
    said: str
    unanswered: Any
    speech_ended_at: float | None
    heard_at: float | None


class _Group:
    """One question, and who asked it."""

    def __init__(self, row: _Row, subject: frozenset[str]) -> None:
        self.subject, self.rows = subject, [row]

    def is_asked_by(self, row: _Row, subject: frozenset[str]) -> bool:
        """Whether this row asks it: the same agent, the same reason, much the same words."""
        first = self.rows[0]
        if (first.agent, first.unanswered) != (row.agent, row.unanswered):
            return False
        if row.unanswered == "asked_for_person":
            return True  # however they put it
        return len(subject & self.subject) >= ALIKE * len(subject | self.subject)

    def question(self) -> UnansweredQuestion:
        """As the list has it."""
        first = self.rows[0]
        asked = tuple(
            AskedAt(
                row.call_id,
                row.reply,
                row.began,
                row.speech_ended_at if row.speech_ended_at is not None else row.heard_at,
                row.heard,
                row.said,
            )
            for row in self.rows[:MOST_ASKED]
        )
        return UnansweredQuestion(first.heard, first.unanswered, first.agent, len(self.rows), first.began, asked)


def grouped(rows: Iterable[_Row]) -> list[UnansweredQuestion]:
    """Rows, the newest first, as questions. Pure."""
    groups: list[_Group] = []
    by_subject: dict[tuple[str, Any, frozenset[str]], _Group] = {}
    for row in rows:
        subject = _subject(row.heard)
        which = row.agent, row.unanswered, subject
        group = by_subject.get(which) or next((one for one in groups if one.is_asked_by(row, subject)), None)
        if group is None:
            group = _Group(row, subject)
            groups.append(group)
        else:
            group.rows.append(row)
        by_subject[which] = group
    return [group.question() for group in groups]


def _subject(heard: str) -> frozenset[str]:
    """The words that say what a question is about; all of them where none does."""
    words = _words(heard)
    return frozenset(_stem(word) for word in words if word not in FILLING) or frozenset(words)


def _words(text: str) -> Sequence[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", folded(text).replace("\u2019", "'"))


def _stem(word: str) -> str:
    """Without a plural's end: "routers" asks about a router."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
