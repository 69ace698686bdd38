"""Which older releases may run on the tables: from 0.4.0 on, whose last migration is 0002.

Revision: 0014, after 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table with its row."""
    table = op.create_table(
        "schema_support",
        sa.Column("oldest_revision", sa.String(length=4), nullable=False),
        sa.PrimaryKeyConstraint("oldest_revision", name="pk_schema_support"),
    )
    op.bulk_insert(table, [{"oldest_revision": "0002"}])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("schema_support")
