"""Webhook endpoints, their deliveries, and the row that says how far events were fanned out.

Revision: 0007, after 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID, JSON, TIME

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OPEN = sa.text("status IN ('pending', 'failed')")
_DEAD = sa.text("status = 'dead'")
_LEASED = sa.text("leased_until IS NOT NULL")


def upgrade() -> None:
    """Create the tables."""
    _create_endpoints()
    _create_deliveries()
    op.create_table(
        "webhook_fan_out",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_webhook_fan_out_one_row")),
        sa.CheckConstraint("last_position >= 0", name=op.f("ck_webhook_fan_out_last_position_positive")),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_fan_out"),
    )
    # Events that exist were before any endpoint.
    op.execute("INSERT INTO webhook_fan_out (id, last_position) SELECT 1, last_position FROM event_sequencer")


def _create_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("event_types", JSON, nullable=True),
        sa.Column("description", sa.String(length=140), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("ordering", sa.String(length=16), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_previous_secret", sa.LargeBinary(), nullable=True),
        sa.Column("previous_secret_expires_at", TIME, nullable=True),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.Column("disabled_reason", sa.String(length=16), nullable=True),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("not_before", TIME, nullable=True),
        sa.Column("served_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("status IN ('active', 'disabled')", name=op.f("ck_webhook_endpoints_status")),
        sa.CheckConstraint("ordering IN ('none', 'account')", name=op.f("ck_webhook_endpoints_ordering")),
        sa.CheckConstraint(
            "disabled_reason IN ('requested', 'gone', 'failing')", name=op.f("ck_webhook_endpoints_disabled_reason")
        ),
        sa.CheckConstraint(
            "(status = 'disabled') = (disabled_at IS NOT NULL)"
            " AND (status = 'disabled') = (disabled_reason IS NOT NULL)",
            name=op.f("ck_webhook_endpoints_disabled"),
        ),
        sa.CheckConstraint(
            "(sealed_previous_secret IS NULL) = (previous_secret_expires_at IS NULL)",
            name=op.f("ck_webhook_endpoints_previous_secret"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_webhook_endpoints_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
    )
    op.create_index("ix_webhook_endpoints_user_id_id", "webhook_endpoints", ["user_id", "id"], unique=False)


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", ID, nullable=False),
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("event_type", sa.String(length=32), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=False),
        sa.Column("lease_id", ID, nullable=True),
        sa.Column("leased_until", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("attempted_at", TIME, nullable=True),
        sa.Column("status_code", sa.SmallInteger(), nullable=True),
        sa.Column("latency_ms", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(length=32), nullable=True),
        sa.Column("answer", sa.String(length=1024), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'failed', 'dead')", name=op.f("ck_webhook_deliveries_status")
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_webhook_deliveries_attempts_positive")),
        sa.CheckConstraint(
            "(status IN ('delivered', 'dead')) = (finished_at IS NOT NULL)", name=op.f("ck_webhook_deliveries_finished")
        ),
        sa.CheckConstraint("(lease_id IS NULL) = (leased_until IS NULL)", name=op.f("ck_webhook_deliveries_leased")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name="fk_webhook_deliveries_endpoint_id_webhook_endpoints"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
    )
    _index("uq_webhook_deliveries_endpoint_id_event_id", ["endpoint_id", "event_id"], unique=True)
    _index("ix_webhook_deliveries_endpoint_id_id", ["endpoint_id", "id"])
    _index("ix_webhook_deliveries_due", ["endpoint_id", "next_attempt_at", "position"], _OPEN)
    _index("ix_webhook_deliveries_order", ["endpoint_id", "account_id", "position"], _OPEN)
    _index("ix_webhook_deliveries_leased", ["endpoint_id"], _LEASED)
    _index("ix_webhook_deliveries_dead", ["endpoint_id"], _DEAD)
    _index("ix_webhook_deliveries_created_at", ["created_at"])


def _index(name: str, columns: list[str], where: sa.TextClause | None = None, *, unique: bool = False) -> None:
    op.create_index(name, "webhook_deliveries", columns, unique=unique, postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("webhook_fan_out")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")
