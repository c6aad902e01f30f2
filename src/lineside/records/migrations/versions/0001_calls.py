"""Calls, turns, stage times, decisions, tool calls.

What is written here stays as it is: later changes are later steps, and `tables` says what they come to.
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


def _call() -> "sa.Column[str]":
    return sa.Column("call_id", sa.String(64), sa.ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)


def _key(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def _must(name: str, kind: "sa.types.TypeEngine[Any]") -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Make them."""
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
        "tool_calls",
        _call(),
        _key("number"),
        _must("at", sa.Float()),
        _must("turn", sa.Integer()),
        _must("tool", sa.String(200)),
        *(_must(name, sa.Text()) for name in ("arguments", "result")),
        sa.Column("ms", sa.Float),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("tool_calls", "decisions", "stage_times", "turns", "calls"):
        op.drop_table(name)
