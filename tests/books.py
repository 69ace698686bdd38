"""What must hold of the books at any time, asked of the data by plain SQL."""

from __future__ import annotations

from typing import Final

from flask import Flask
from sqlalchemy import text

from bankapp.extensions import db

# Each finds what must not be.
_CHECKS: Final = {
    "a balance that is not the sum of its transactions": """
        SELECT a.id FROM accounts a
        WHERE a.type <> 'cash' AND a.balance <> (SELECT coalesce(sum(t.direction * t.amount), 0)
            FROM transactions t WHERE t.account_id = a.id)""",
    "an account whose sequence is not the number of its transactions": """
        SELECT a.id FROM accounts a
        WHERE a.sequence <> (SELECT count(*) FROM transactions t
            WHERE t.account_id = a.id AND t.sequence IS NOT NULL)""",
    "a transaction that does not continue the one before": """
        SELECT id FROM (SELECT id, sequence, balance_after, created_at, direction * amount AS change,
            lag(balance_after, 1, 0) OVER account AS balance_before, lag(sequence, 1, 0) OVER account AS before,
            lag(created_at) OVER account AS created_before
            FROM transactions WHERE sequence IS NOT NULL
            WINDOW account AS (PARTITION BY account_id ORDER BY sequence)) AS history
        WHERE sequence <> before + 1 OR balance_after <> balance_before + change OR created_at < created_before""",
    "a posting whose legs do not sum to zero": """
        SELECT posting_id FROM transactions GROUP BY posting_id, currency HAVING sum(direction * amount) <> 0""",
    "a transfer without exactly its two legs": """
        SELECT t.id FROM transfers t WHERE (SELECT count(*) FROM transactions leg WHERE leg.transfer_id = t.id
            AND leg.amount = t.amount AND leg.account_id = CASE leg.type WHEN 'transfer_out'
                THEN t.from_account_id ELSE t.to_account_id END) <> 2""",
    "a currency whose legs do not sum to zero": """
        SELECT currency FROM transactions GROUP BY currency HAVING sum(direction * amount) <> 0""",
}


def faults(app: Flask) -> list[str]:
    """Return what is wrong with the books of ``app``, each fault with the id of what it is about."""
    with app.app_context(), db.engine.connect() as connection:
        return [f"{name}: {row[0]}" for name, query in _CHECKS.items() for row in connection.execute(text(query)).all()]
