"""The writes of the ledger: one INSERT per table however many rows."""

from __future__ import annotations

from bankapp.repositories import bulk


def add(rows: bulk.Tables) -> None:
    """Store postings with their legs, in order, and transfers.

    The database moves the balances, refuses a leg that does not fit and a posting whose legs do not
    sum to zero.
    """
    bulk.insert(rows)
