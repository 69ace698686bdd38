"""Annotations of transactions."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.api.preconditions import IF_MATCH, expected_versions
from bankapp.models import AnnotationRecord
from bankapp.schemas import transaction_annotations as schemas
from bankapp.services import transaction_annotations

blueprint = Blueprint("transaction_annotations", __name__, "Your category, notes and tags of a transaction")


@blueprint.operation(
    Operation(
        "GET",
        "/transactions/<id:transaction_id>/annotation",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_READ,
        answer=schemas.Annotation,
    )
)
def read_annotation(transaction_id: str) -> AnnotationRecord:
    """Read your annotation of a transaction

    Only the owner of the transaction's account can read it.
    """
    return transaction_annotations.get(transaction_id)


@blueprint.operation(
    Operation(
        "PUT",
        "/transactions/<id:transaction_id>/annotation",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_WRITE,
        body=schemas.NewAnnotation,
        answer=schemas.Annotation,
        errors=[errors.PreconditionRequired, errors.PreconditionFailed],
        parameters=[IF_MATCH],
    )
)
def replace_annotation(content: dict[str, Any], transaction_id: str) -> AnnotationRecord:
    """Annotate a transaction

    Replaces category, notes and tags; `{}` removes them. Tags are kept in lower case. Needs `If-Match` with the ETag
    of the last read, which is `"0"` before the first annotation. If the annotation has changed since then, the answer
    is 412 and nothing is changed. The transaction itself never changes, and its other side sees nothing.
    """
    return transaction_annotations.replace(transaction_id, expected_versions(), content)
