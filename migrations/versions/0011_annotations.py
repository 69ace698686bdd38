"""Annotations of transactions.

Revision: 0011, after 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID, JSON, TIME

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "annotations",
        sa.Column("transaction_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("category", sa.String(length=30), nullable=True),
        sa.Column("notes", sa.String(length=500), nullable=True),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint("version >= 0", name=op.f("ck_annotations_version_positive")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transactions.id"], name="fk_annotations_transaction_id_transactions"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_annotations_user_id_users"),
        sa.PrimaryKeyConstraint("transaction_id", name="pk_annotations"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("annotations")
