"""Gateways that share the database, and their leases of call slots."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0005", "0004"
branch_labels = depends_on = None


def _whole(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False)


def _yes(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "gateways",
        sa.Column("id", sa.String(64), primary_key=True),
        _whole("seq"),
        sa.Column("until", sa.Float, nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        _whole("calls"),
        _whole("max_calls"),
        _yes("draining"),
    )
    gateway = sa.ForeignKey("gateways.id", ondelete="CASCADE")
    op.create_table(
        "call_leases",
        sa.Column("gateway_id", sa.String(64), gateway, primary_key=True, nullable=False),
        sa.Column("name", sa.String(64), primary_key=True),
        _whole("slots"),
        _whole("live"),
        _yes("short"),
    )
