"""The records of monthly statements, and the triggers that keep them as they were made.

Revision: 0003, after 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID, TIME, run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and its triggers."""
    op.create_table(
        "statements",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("to_date", sa.Date(), nullable=False),
        sa.Column("opening_balance", sa.BigInteger(), nullable=False),
        sa.Column("closing_balance", sa.BigInteger(), nullable=False),
        sa.Column("entry_count", sa.BigInteger(), nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("holder_name", sa.String(length=201), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_statements_number_positive")),
        sa.CheckConstraint("from_date <= to_date", name=op.f("ck_statements_days_in_order")),
        sa.CheckConstraint("first_sequence >= 1 AND entry_count >= 0", name=op.f("ck_statements_entries_positive")),
        sa.CheckConstraint(
            "last_sequence - first_sequence + 1 = entry_count", name=op.f("ck_statements_entries_without_gap")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_statements_account_id_accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_statements"),
        sa.UniqueConstraint("account_id", "number", name="uq_statements_account_id_number"),
    )
    run_script("0003_statements")


def downgrade() -> None:
    """Drop the table, and its triggers with it."""
    op.drop_table("statements")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION statements_continue()")
