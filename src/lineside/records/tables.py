"""The tables, the same in SQLite and PostgreSQL. `migrations` makes them; a test compares the two."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData()


def of_call(*, key: bool = True) -> "Column[str]":
    """The call that a row belongs to."""
    return Column("call_id", String(64), ForeignKey("calls.id", ondelete="CASCADE"), primary_key=key, nullable=False)


calls = Table(
    "calls",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("keeper", String(64), nullable=False),
    Column("began", Float, nullable=False),  # seconds since 1970
    Column("ended", Float),
    Column("seconds", Float),
    Column("reason", String(64), nullable=False, server_default=""),
    Column("line", String(64), nullable=False, server_default=""),
    Column("codec", String(32), nullable=False, server_default=""),
    Column("rate", Integer, nullable=False, server_default="0"),
    Column("caller", String(200), nullable=False, server_default=""),
    Column("mode", String(32), nullable=False, server_default=""),
    Column("agent", Text, nullable=False, server_default=""),
    Column("stt", String(200), nullable=False, server_default=""),
    Column("llm", String(200), nullable=False, server_default=""),
    Column("llm_model", String(200), nullable=False, server_default=""),
    Column("tts", String(200), nullable=False, server_default=""),
    Column("tts_voice", String(200), nullable=False, server_default=""),
    Column("turns", Integer, nullable=False, server_default="0"),
    Column("recording", String(16), nullable=False, server_default="none"),
    Column("recording_bytes", Integer, nullable=False, server_default="0"),
    Column("agent_version", String(64), nullable=False, server_default=""),
    Column("asked_for_person", Boolean, nullable=False, server_default=false()),
    Column("outcome", String(64), nullable=False, server_default=""),
    Column("tags", Text, nullable=False, server_default=""),  # each between two line breaks: "\nbilling\nvip\n"
    Column("note", Text, nullable=False, server_default=""),
    Column("direction", String(16), nullable=False, server_default="inbound"),
    Column("called", String(200), nullable=False, server_default=""),
    Column("diverted_from", String(256), nullable=False, server_default=""),
    Column("carrier_call_id", String(256), nullable=False, server_default=""),
    Column("transferred_to", String(256), nullable=False, server_default=""),
    Index("calls_began", "began", "id"),
    Index("calls_caller", "caller", "began"),
    Index("calls_keeper", "keeper", "reason"),
    Index("calls_carrier_call_id", "carrier_call_id"),
)

turns = Table(
    "turns",
    metadata,
    of_call(),
    Column("reply", Integer, primary_key=True, autoincrement=False),
    Column("turn", Integer, nullable=False),
    Column("speech_began_at", Float),  # seconds of caller audio
    Column("speech_ended_at", Float),
    Column("heard_at", Float),
    Column("heard", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("reached", Text, nullable=False),
    Column("audio_at", Float),
    Column("done_at", Float),
    Column("cut", Boolean, nullable=False),
    Column("wasted", Integer, nullable=False),
    Column("engines", Text, nullable=False, server_default=""),  # JSON: role → who answered
    Column("fallback", Boolean, nullable=False, server_default=false()),  # another one than should have
    Column("filler", Text, nullable=False, server_default=""),  # said while the answer was late
    Column("unanswered", String(32), nullable=False, server_default=""),
    Index("turns_unanswered", "unanswered", "call_id"),
)

stage_times = Table(
    "stage_times",
    metadata,
    of_call(),
    Column("reply", Integer, primary_key=True, autoincrement=False),
    Column("stage", String(32), primary_key=True),
    Column("ms", Float, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    of_call(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("what", String(32), nullable=False),
    Column("detector", String(64), nullable=False),
    Column("score", Float),
    Column("silence_ms", Float),
    Column("reason", Text, nullable=False),
)

search_texts = Table(
    "search_texts",
    metadata,
    Column("id", Integer, primary_key=True),  # the full-text index needs a number that never changes
    of_call(key=False),
    Column("part", Integer, nullable=False),  # 0: about the call; else the reply's number
    Column("text", Text, nullable=False),  # folded: see `search_index`
    UniqueConstraint("call_id", "part", name="search_texts_part"),
    implicit_returning=False,  # nobody asks for the number
)

deleted_calls = Table(  # so that no late or repeated entry brings a deleted call back; holds nothing but the id
    "deleted_calls",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", Float, nullable=False),  # seconds since 1970
)

PARTS = (turns, stage_times, decisions, search_texts)
