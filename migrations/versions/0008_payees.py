"""Saved payees, an index that finds the last transfer to one, and what the verification of a payee came to.

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
_CHECK = "payee_verification IN ('match', 'close_match', 'no_match', 'not_possible')"


def upgrade() -> None:
    """Create the table, the index and the column.

    The column comes with its constraint, because SQLite adds none to an existing table.
    """
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
    op.execute(
        "ALTER TABLE transfers ADD COLUMN payee_verification VARCHAR(16)"
        f" CONSTRAINT ck_transfers_payee_verification CHECK ({_CHECK})"
    )


def downgrade() -> None:
    """Drop the column, the index and the table."""
    op.execute("ALTER TABLE transfers DROP COLUMN payee_verification")
    op.drop_index(_INDEX, "transfers")
    op.drop_table("payees")
