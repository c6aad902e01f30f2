"""What came of a call: who answered each turn, what could not be answered, an operator's note, tags and outcome."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
branch_labels = depends_on = None


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _word(name: str, size: int) -> "sa.Column[str]":
    return sa.Column(name, sa.String(size), nullable=False, server_default="")


def _no(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


CALLS = (
    lambda: _word("agent_version", 64),
    lambda: _no("asked_for_person"),
    lambda: _word("outcome", 64),
    lambda: _text("tags"),
    lambda: _text("note"),
)
TURNS = (lambda: _text("engines"), lambda: _no("fallback"), lambda: _text("filler"), lambda: _word("unanswered", 32))


def upgrade() -> None:
    """Add the columns; in calls that are kept already they are empty."""
    for column in CALLS:
        op.add_column("calls", column())
    for column in TURNS:
        op.add_column("turns", column())
    op.create_index("turns_unanswered", "turns", ["unanswered", "call_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("turns_unanswered", "turns")
    for table, columns in (("turns", TURNS), ("calls", CALLS)):
        for column in reversed(columns):
            op.drop_column(table, column().name)
