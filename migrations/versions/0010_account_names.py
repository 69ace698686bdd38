"""The owner's name for an account, and its place among the owner's accounts.

Revision: 0010, after 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("accounts", sa.Column("name", sa.String(length=80), nullable=True))
    op.add_column("accounts", sa.Column("position", sa.SmallInteger(), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    for name in ("position", "name"):
        op.execute(f"ALTER TABLE accounts DROP COLUMN {name}")
