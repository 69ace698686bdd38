"""Counterparty, reference and end-to-end id of transactions, and the counterparties of those that exist.

Revision: 0009, after 0008
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BATCH_SIZE: Final = 1_000
"""How many transactions PostgreSQL fills in one transaction, so that no payment waits for a lock of this migration."""

_COLUMNS: Final = {
    "counterparty_name": 201,
    "counterparty_account_number": 34,
    "reference": 35,
    "end_to_end_id": 35,
}

_OTHER_SIDE: Final = """
FROM transfers tr
JOIN accounts a ON a.id = CASE transactions.type WHEN 'transfer_out' THEN tr.to_account_id ELSE tr.from_account_id END
JOIN account_holders h ON h.id = a.holder_id
WHERE tr.id = transactions.transfer_id
"""
_FILL: Final = f"""
UPDATE transactions SET
    counterparty_name = CASE WHEN type IN ('deposit', 'withdrawal') THEN 'Cash'
        WHEN type = 'card_purchase' THEN (SELECT merchant FROM authorizations
            WHERE authorizations.posting_id = transactions.posting_id)
        ELSE (SELECT h.first_name || ' ' || h.last_name {_OTHER_SIDE}) END,
    counterparty_account_number = (SELECT a.number {_OTHER_SIDE})
WHERE sequence IS NOT NULL AND counterparty_name IS NULL
"""  # noqa: S608 - SQL of our own

_GUARD: Final = """
CREATE TRIGGER transactions_are_history BEFORE UPDATE OR DELETE ON transactions
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""
# Only while existing rows are filled: the migration may complete a row that has no counterparty.
_GUARD_WHILE_FILLING: Final = """
DROP TRIGGER IF EXISTS transactions_fill_counterparty ON transactions;
DROP TRIGGER IF EXISTS transactions_are_history ON transactions;
CREATE TRIGGER transactions_are_history BEFORE DELETE ON transactions
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER transactions_fill_counterparty BEFORE UPDATE ON transactions
    FOR EACH ROW WHEN (OLD.counterparty_name IS NOT NULL
        OR to_jsonb(NEW) - 'counterparty_name' - 'counterparty_account_number'
            IS DISTINCT FROM to_jsonb(OLD) - 'counterparty_name' - 'counterparty_account_number')
    EXECUTE FUNCTION ledger_refuse_change();
"""
_GUARD_AFTERWARDS: Final = f"""
DROP TRIGGER transactions_fill_counterparty ON transactions;
DROP TRIGGER transactions_are_history ON transactions;
{_GUARD}
"""


def upgrade() -> None:
    """Add the columns and fill the counterparties by what holders and merchants are called now."""
    if op.get_bind().dialect.name == "postgresql":
        _upgrade_postgresql()
    else:
        _upgrade_sqlite()


def _upgrade_postgresql() -> None:
    """Fill the rows in steps that commit by themselves, while nodes of the previous release serve.

    A run that was interrupted is completed by the next one.
    """
    added = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} varchar({length})" for name, length in _COLUMNS.items())
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE transactions {added}")
        _run(_GUARD_WHILE_FILLING)
        connection = op.get_bind()
        after = "00000000-0000-0000-0000-000000000000"
        while True:
            bounds = {"after": after, "rest": BATCH_SIZE - 1}
            last = connection.execute(
                sa.text("SELECT id FROM transactions WHERE id > CAST(:after AS uuid) ORDER BY id LIMIT 1 OFFSET :rest"),
                bounds,
            ).scalar()
            batch = f"{_FILL} AND id > CAST(:after AS uuid)"
            if last is None:
                connection.execute(sa.text(batch), {"after": after})
                break
            connection.execute(sa.text(f"{batch} AND id <= CAST(:last AS uuid)"), {"after": after, "last": str(last)})
            after = str(last)
        _run(_GUARD_AFTERWARDS)


def _run(statements: str) -> None:
    """Run several statements as one message, which is one transaction."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def _upgrade_sqlite() -> None:
    for name, length in _COLUMNS.items():
        op.add_column("transactions", sa.Column(name, sa.String(length), nullable=True))
    guard = op.get_bind().scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'transactions_no_update'"))
    op.execute("DROP TRIGGER transactions_no_update")
    op.execute(_FILL)
    op.get_bind().exec_driver_sql(guard)


def downgrade() -> None:
    """Drop the columns."""
    for name in _COLUMNS:
        op.execute(f"ALTER TABLE transactions DROP COLUMN {name}")
