"""The search index. The worker fills it; a search completes what it needs.

Revision: 0012, after 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TERM = sa.String(length=60).with_variant(sa.String(length=60, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "search_terms",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("term", _TERM, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "term", "sequence", name="pk_search_terms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_texts",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sequence", name="pk_search_texts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_progress",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_search_progress_account_id_accounts"),
        sa.PrimaryKeyConstraint("account_id", name="pk_search_progress"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("search_progress", "search_texts", "search_terms"):
        op.drop_table(table)
