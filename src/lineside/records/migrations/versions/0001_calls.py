"""Calls, turns, stage times, decisions, texts to search in, ids of deleted calls.

Once released, a migration is never edited: a later change is a later migration, and `tables` is the result of all.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None
branch_labels = depends_on = None


def _text(name: str, size: int) -> "sa.Column[str]":
    return sa.Column(name, sa.String(size), nullable=False, server_default="")


def _whole(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _call(*, key: bool = True) -> "sa.Column[str]":
    call = sa.ForeignKey("calls.id", ondelete="CASCADE")
    return sa.Column("call_id", sa.String(64), call, primary_key=key, nullable=False)


def _key(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def _must(name: str, kind: "sa.types.TypeEngine[Any]") -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Create the tables."""
    _create_calls()
    op.create_table(
        "turns",
        _call(),
        _key("reply"),
        _must("turn", sa.Integer()),
        *(sa.Column(name, sa.Float) for name in ("speech_began_at", "speech_ended_at", "heard_at")),
        *(_must(name, sa.Text()) for name in ("heard", "said", "reached")),
        *(sa.Column(name, sa.Float) for name in ("audio_at", "done_at")),
        _must("cut", sa.Boolean()),
        _must("wasted", sa.Integer()),
    )
    op.create_table(
        "stage_times",
        _call(),
        _key("reply"),
        sa.Column("stage", sa.String(32), primary_key=True),
        _must("ms", sa.Float()),
    )
    op.create_table(
        "decisions",
        _call(),
        _key("number"),
        _must("at", sa.Float()),
        _must("turn", sa.Integer()),
        _must("what", sa.String(32)),
        _must("detector", sa.String(64)),
        sa.Column("score", sa.Float),
        sa.Column("silence_ms", sa.Float),
        _must("reason", sa.Text()),
    )
    op.create_table(
        "search_texts",
        sa.Column("id", sa.Integer, primary_key=True),
        _call(key=False),
        _must("part", sa.Integer()),
        _must("text", sa.Text()),
        sa.UniqueConstraint("call_id", "part", name="search_texts_part"),
    )
    op.create_table(
        "deleted_calls",
        sa.Column("id", sa.String(64), primary_key=True),
        _must("at", sa.Float()),
    )


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(64), primary_key=True),
        _must("keeper", sa.String(64)),
        _must("began", sa.Float()),
        sa.Column("ended", sa.Float),
        sa.Column("seconds", sa.Float),
        *(_text(name, size) for name, size in (("reason", 64), ("line", 64), ("codec", 32))),
        _whole("rate"),
        *(_text(name, size) for name, size in (("caller", 200), ("mode", 32))),
        sa.Column("agent", sa.Text, nullable=False, server_default=""),
        *(_text(name, 200) for name in ("stt", "llm", "llm_model", "tts", "tts_voice")),
        _whole("turns"),
        sa.Column("recording", sa.String(16), nullable=False, server_default="none"),
        _whole("recording_bytes"),
    )
    op.create_index("calls_began", "calls", ["began", "id"])
    op.create_index("calls_caller", "calls", ["caller", "began"])
    op.create_index("calls_keeper", "calls", ["keeper", "reason"])


def downgrade() -> None:
    """Drop the tables."""
    for name in ("deleted_calls", "search_texts", "decisions", "stage_times", "turns", "calls"):
        op.drop_table(name)
