"""What was done in a call: tool calls, slots, tasks."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"
branch_labels = depends_on = None


def _call() -> "sa.Column[str]":
    call = sa.ForeignKey("calls.id", ondelete="CASCADE")
    return sa.Column("call_id", sa.String(64), call, primary_key=True, nullable=False)


def _key(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def _whole(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False)


def _word(name: str, size: int) -> "sa.Column[str]":
    return sa.Column(name, sa.String(size), nullable=False)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _at() -> "sa.Column[float]":
    return sa.Column("at", sa.Float, nullable=False)


def _yes(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tool_calls",
        _call(),
        _key("number"),
        _at(),
        _whole("turn"),
        _whole("reply"),
        _word("tool", 64),
        _word("effect", 16),
        _word("state", 16),
        _text("arguments"),
        _text("gives"),
        _text("why"),
        _word("key", 64),
        sa.Column("ms", sa.Float),
        _yes("heard"),
    )
    slot = sa.Column("slot", sa.String(64), primary_key=True)
    op.create_table("slots", _call(), slot, _at(), _whole("turn"), _text("value"), _yes("sure"), _word("filled_by", 16))
    op.create_table("tasks", _call(), _key("number"), _at(), _whole("turn"), _word("task", 64), _word("state", 16))


def downgrade() -> None:
    """Drop them."""
    for name in ("tasks", "slots", "tool_calls"):
        op.drop_table(name)
