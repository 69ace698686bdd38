"""Events, the row that their sequencer locks, and the events of the ledger's rows that exist.

Revision: 0004, after 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID, JSON, TIME, run_script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TYPES = (
    "'transaction.created', 'transfer.created', 'transfer.reversed', 'account.opened', 'account.frozen',"
    " 'account.unfrozen', 'account.closed', 'card.issued', 'card.blocked', 'card.unblocked', 'card.terminated',"
    " 'card.limits_changed', 'authorization.created', 'authorization.captured', 'authorization.voided',"
    " 'authorization.expired', 'authorization.declined', 'session.created', 'api_key.created', 'api_key.revoked',"
    " 'webhook_endpoint.disabled'"
)
_NUMBERED = sa.text("position IS NOT NULL")
_NUMBERED_FOR_USER = sa.text("user_position IS NOT NULL")
_UNNUMBERED = sa.text("position IS NULL")

# The same events as the triggers make.
_TRANSACTIONS = """
INSERT INTO events (id, type, user_id, resource_id, account_id, account_sequence, created_at)
SELECT t.id, 'transaction.created', h.user_id, t.id, t.account_id, t.sequence, t.created_at
FROM transactions t JOIN accounts a ON a.id = t.account_id JOIN account_holders h ON h.id = a.holder_id
"""
_TRANSFERS = """
INSERT INTO events (id, type, user_id, resource_id, account_id, created_at)
SELECT tr.id, CASE WHEN tr.reverses_transfer_id IS NULL THEN 'transfer.created' ELSE 'transfer.reversed' END,
    h.user_id, coalesce(tr.reverses_transfer_id, tr.id), a.id, tr.created_at
FROM transfers tr
JOIN accounts a ON a.id = CASE WHEN tr.reverses_transfer_id IS NULL THEN tr.from_account_id ELSE tr.to_account_id END
JOIN account_holders h ON h.id = a.holder_id
"""


def upgrade() -> None:
    """Create the tables and triggers, and store the events of the transactions and transfers that exist."""
    op.create_table(
        "events",
        sa.Column("id", ID, nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("account_sequence", sa.BigInteger(), nullable=True),
        sa.Column("data", JSON, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("user_position", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(f"type IN ({_TYPES})", name=op.f("ck_events_type")),
        sa.CheckConstraint(
            "(position IS NULL) = (user_position IS NULL)", name=op.f("ck_events_numbered_in_both_streams")
        ),
        sa.CheckConstraint("position >= 1 AND user_position >= 1", name=op.f("ck_events_positions_positive")),
        sa.CheckConstraint(
            "(account_sequence IS NOT NULL) = (type = 'transaction.created')",
            name=op.f("ck_events_transaction_has_sequence"),
        ),
        sa.CheckConstraint(
            "(data IS NULL) = (type IN ('transaction.created', 'transfer.created', 'transfer.reversed'))",
            name=op.f("ck_events_ledger_rows_are_not_copied"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_table(
        "event_sequencer",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_event_sequencer_one_row")),
        sa.CheckConstraint("last_position >= 0", name=op.f("ck_event_sequencer_last_position_positive")),
        sa.PrimaryKeyConstraint("id", name="pk_event_sequencer"),
    )
    op.execute("INSERT INTO event_sequencer (id, last_position) VALUES (1, 0)")
    if op.get_bind().dialect.name == "postgresql":
        # In the order in which a transfer locks them. A movement that commits between the events of the existing rows
        # and the triggers would have no event.
        op.execute("LOCK TABLE transfers, transactions IN SHARE ROW EXCLUSIVE MODE")
    op.execute(_TRANSACTIONS)
    op.execute(_TRANSFERS)
    _index("uq_events_position", ["position"], _NUMBERED, unique=True)
    _index("uq_events_user_id_user_position", ["user_id", "user_position"], _NUMBERED_FOR_USER, unique=True)
    _index("ix_events_unnumbered", ["created_at", "account_sequence", "id"], _UNNUMBERED)
    op.create_index("ix_events_resource_id", "events", ["resource_id"], unique=False)
    run_script("0004_events")


def _index(name: str, columns: list[str], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(name, "events", columns, unique=unique, postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    """Drop the tables, and their triggers with them."""
    op.drop_table("event_sequencer")
    op.drop_table("events")
    if op.get_bind().dialect.name == "postgresql":
        for function in ("transactions_have_events", "transfers_have_events", "events_number_once"):
            op.execute(f"DROP FUNCTION {function}() CASCADE")
        return
    for table in ("transactions", "transfers"):
        op.execute(f"DROP TRIGGER {table}_have_events")
