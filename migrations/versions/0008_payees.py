"""Saved payees, and an index that finds the last transfer to one.

Revision: 0008, after 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID, TIME

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEX = "ix_transfers_from_account_id_to_account_id_created_at"


def upgrade() -> None:
    """Create the table and the index."""
    op.create_table(
        "payees",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("name", sa.String(length=140), nullable=False),
        sa.Column("account_number", sa.String(length=34), nullable=False),
        sa.Column("nickname", sa.String(length=80), nullable=True),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_payees_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_payees"),
        sa.UniqueConstraint("user_id", "account_number", name="uq_payees_user_id_account_number"),
    )
    op.create_index("ix_payees_user_id_id", "payees", ["user_id", "id"], unique=False)
    op.create_index(_INDEX, "transfers", ["from_account_id", "to_account_id", "created_at"], unique=False)


def downgrade() -> None:
    """Drop the index and the table."""
    op.drop_index(_INDEX, "transfers")
    op.drop_table("payees")
