"""What a telephone line knows of a call: which way it went, whom it was for, what the carrier calls it."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"
branch_labels = depends_on = None

NEW = (("direction", 16), ("called", 200), ("diverted_from", 256), ("carrier_call_id", 256), ("transferred_to", 256))


def upgrade() -> None:
    """Add the columns; calls from before were all inbound."""
    for name, size in NEW:
        kept = "inbound" if name == "direction" else ""
        op.add_column("calls", sa.Column(name, sa.String(size), nullable=False, server_default=kept))
    op.create_index("calls_carrier_call_id", "calls", ["carrier_call_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("calls_carrier_call_id", "calls")
    for name, _ in NEW:
        op.drop_column("calls", name)
