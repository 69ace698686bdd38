"""Category rules.

Revision: 0013, after 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID, TIME

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TYPES = "'deposit', 'withdrawal', 'transfer_in', 'transfer_out', 'card_purchase'"
_HAS_CONDITION = (
    "counterparty IS NOT NULL OR words IS NOT NULL OR type IS NOT NULL"
    " OR min_amount IS NOT NULL OR max_amount IS NOT NULL"
)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "category_rules",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(length=30), nullable=False),
        sa.Column("counterparty", sa.String(length=210), nullable=True),
        sa.Column("words", sa.String(length=210), nullable=True),
        sa.Column("type", sa.String(length=16), nullable=True),
        sa.Column("min_amount", sa.BigInteger(), nullable=True),
        sa.Column("max_amount", sa.BigInteger(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint(f"type IN ({_TYPES})", name=op.f("ck_category_rules_type")),
        sa.CheckConstraint(_HAS_CONDITION, name=op.f("ck_category_rules_has_condition")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_category_rules_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_category_rules"),
    )
    op.create_index("ix_category_rules_user_id_id", "category_rules", ["user_id", "id"], unique=False)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("category_rules")
