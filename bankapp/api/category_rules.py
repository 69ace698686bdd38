"""Category rules."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.listing import Page, Window
from bankapp.models import CategoryRuleRecord
from bankapp.schemas import category_rules as schemas
from bankapp.services import category_rules
from bankapp.services.category_rules import Preview
from bankapp.services.idempotency import Claim

blueprint = Blueprint("category_rules", __name__, "Rules that give transactions a category")


@blueprint.operation(
    Operation(
        "POST",
        "/category-rules",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_WRITE,
        body=schemas.NewCategoryRule,
        answer=schemas.CategoryRule,
        status=201,
        idempotent=True,
        errors=[errors.LimitExceeded],
    )
)
def create_category_rule(new: dict[str, Any], claim: Claim | None) -> CategoryRuleRecord:
    """Make a category rule

    It applies to all your transactions, also to old ones, that you have not annotated with a category. Nothing is
    written to them. Transfers between your own accounts are left alone.
    """
    return category_rules.create(new, claim)


@blueprint.operation(
    Operation(
        "POST",
        "/category-rules/preview",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_READ,
        body=schemas.NewCategoryRule,
        answer=schemas.CategoryRulePreview,
    )
)
def preview_category_rule(new: dict[str, Any]) -> Preview:
    """Preview a category rule

    Tells which of your transactions of the last 366 days would get another category. Stores nothing.
    """
    return category_rules.preview(new)


@blueprint.operation(
    Operation(
        "GET",
        "/category-rules",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_READ,
        query=schemas.CategoryRuleQuery,
        answer=schemas.CategoryRule,
    )
)
def list_category_rules(window: Window) -> Page[CategoryRuleRecord]:
    """List your category rules"""
    return category_rules.search(window)


@blueprint.operation(
    Operation(
        "GET",
        "/category-rules/<id:category_rule_id>",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_READ,
        answer=schemas.CategoryRule,
    )
)
def read_category_rule(category_rule_id: str) -> CategoryRuleRecord:
    """Read a category rule"""
    return category_rules.get(category_rule_id)


@blueprint.operation(
    Operation(
        "PATCH",
        "/category-rules/<id:category_rule_id>",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_WRITE,
        body=schemas.CategoryRuleChange,
        answer=schemas.CategoryRule,
    )
)
def change_category_rule(changes: dict[str, Any], category_rule_id: str) -> CategoryRuleRecord:
    """Change a category rule"""
    return category_rules.change(category_rule_id, changes)


@blueprint.operation(
    Operation(
        "DELETE",
        "/category-rules/<id:category_rule_id>",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_WRITE,
        status=204,
    )
)
def delete_category_rule(category_rule_id: str) -> None:
    """Delete a category rule"""
    category_rules.remove(category_rule_id)
