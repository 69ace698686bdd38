"""API keys, and the key that an audit row was made with.

Revision: 0005, after 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID, JSON, TIME, run_script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BY_KEY = sa.text("api_key_id IS NOT NULL")


def upgrade() -> None:
    """Create the table, and the column with the trigger that keeps it.

    The column has no foreign key: each row of a busy key would lock the row of the key. Keys are never deleted.
    """
    op.create_table(
        "api_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("account_ids", JSON, nullable=True),
        sa.Column("ip_allowlist", JSON, nullable=True),
        sa.Column("last4", sa.String(length=4), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=True),
        sa.Column("previous_expires_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.CheckConstraint(
            "(previous_hash IS NULL) = (previous_expires_at IS NULL)", name=op.f("ck_api_keys_previous_expires")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_keys_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("secret_hash", name="uq_api_keys_secret_hash"),
        sa.UniqueConstraint("previous_hash", name="uq_api_keys_previous_hash"),
    )
    op.create_index("ix_api_keys_user_id_id", "api_keys", ["user_id", "id"], unique=False)
    op.add_column("audit_logs", sa.Column("api_key_id", ID, nullable=True))
    op.create_index(
        "ix_audit_logs_api_key_id_created_at_id",
        "audit_logs",
        ["api_key_id", "created_at", "id"],
        unique=False,
        postgresql_where=_BY_KEY,
        sqlite_where=_BY_KEY,
    )
    run_script("0005_api_keys")


def downgrade() -> None:
    """Drop the trigger, the column and the table."""
    on_table = " ON audit_logs" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER audit_logs_keep_api_key{on_table}")
    op.drop_index("ix_audit_logs_api_key_id_created_at_id", "audit_logs")
    op.execute("ALTER TABLE audit_logs DROP COLUMN api_key_id")
    op.drop_table("api_keys")
