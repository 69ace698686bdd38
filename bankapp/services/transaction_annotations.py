"""Annotations: what customers note about their transactions. They belong to the owner alone; staff do not read them.

The ledger's row never changes, and the other side of the movement sees nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bankapp import clock, context, db, errors
from bankapp.models import AnnotationRecord, TransactionRecord
from bankapp.repositories import transaction_annotations, transactions
from bankapp.services import access, search_index


def get(transaction_id: str) -> AnnotationRecord:
    """Return the annotation of the caller's own transaction, an empty one if it never had one. Raises NotFound."""
    _own(transaction_id)
    return transaction_annotations.get(transaction_id) or AnnotationRecord(transaction_id)


def replace(transaction_id: str, versions: Collection[str] | None, content: dict[str, Any]) -> AnnotationRecord:
    """Replace category, notes and tags of the caller's own transaction, and return the annotation.

    ``versions`` are the versions that the caller has read (None: any). Raises NotFound, or PreconditionFailed for
    another version.
    """

    def store() -> AnnotationRecord:
        transaction = _own(transaction_id)
        now = clock.now()
        empty = {"transaction_id": transaction_id, "user_id": context.user().id, "tags": []}
        found = transaction_annotations.lock(empty | {"version": 0, "updated_at": now})
        if versions is not None and str(found.version) not in versions:
            raise errors.PreconditionFailed("The annotation was changed since you read it. Read it again.")
        values = {**content, "version": found.version + 1, "updated_at": now}
        transaction_annotations.change(transaction_id, values)
        search_index.refresh(transaction)
        return found._replace(**values)

    return db.run(store)


def _own(transaction_id: str) -> TransactionRecord:
    return access.own(transactions.get(transaction_id, None), "transaction")
