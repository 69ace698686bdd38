"""The triggers that protect the ledger: the database refuses changes that break its rules.

Revision: 0002, after 0001
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from migrations.support import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FUNCTIONS = (
    "authorizations_guard_insert",
    "authorizations_guard_update",
    "authorizations_hold",
    "accounts_guard_held",
    "postings_seal_purchase",
    "transactions_post",
    "transactions_recount",
    "transfers_are_posted",
    "captures_are_posted",
    "postings_seal",
    "accounts_guard_insert",
    "accounts_guard_balance",
    "accounts_guard_identity",
    "account_holders_guard",
    "audit_logs_guard",
    "ledger_refuse_change",
)


def upgrade() -> None:
    """Create the triggers."""
    run_script("0002_guards")


def downgrade() -> None:
    """Drop the triggers."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for function in _FUNCTIONS:
            op.execute(f"DROP FUNCTION {function}() CASCADE")
        op.execute("DROP FUNCTION ledger_refuse(text)")
        return
    for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        op.execute(f"DROP TRIGGER {name}")
