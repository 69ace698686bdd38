"""Wire shapes of category rules."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from bankapp import search_terms
from bankapp.models.transaction import DIRECTIONS
from bankapp.schemas.base import Amount, BaseSchema, Choice, Day, Identifier, StrictInteger, Timestamp
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import FreeText
from bankapp.schemas.transaction_annotations import Category
from bankapp.schemas.transactions import MAX_QUESTION_LENGTH, MAX_WORDS, AnnotatedTransaction
from bankapp.services.category_rules import MAX_POSITION


class Words(FreeText):
    """Text that is compared by its words; it has at least one, and at most eight different ones."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_QUESTION_LENGTH, allow_none=True, **kwargs)

    def _checked(self, text: str) -> str:
        checked = super()._checked(text)
        conditions = search_terms.asked(checked)
        if not conditions:
            raise ValidationError("Must contain a letter or digit.")
        if len(conditions) > MAX_WORDS:
            raise ValidationError(f"Must have at most {MAX_WORDS} different words.")
        return checked


def _position(**kwargs: Any) -> StrictInteger:
    description = "The lowest position applies first; of equal ones the oldest rule."
    return StrictInteger(
        validate=validate.Range(1, MAX_POSITION), metadata={"description": description, "example": 1}, **kwargs
    )


class CategoryRuleChange(BaseSchema):
    """Changes of a category rule. Null takes a condition away; one must remain."""

    category = Category()
    position = _position()
    counterparty = Words(
        metadata={
            "description": "The whole name of the counterparty. Case and accents do not count.",
            "example": "Corner Bookshop",
        }
    )
    words = Words(
        metadata={"description": "Words that the transaction must have, as `q` searches them.", "example": "rent novem"}
    )
    type = Choice("TransactionType", *DIRECTIONS, allow_none=True)
    min_amount = Amount(allow_none=True, metadata={"example": 100})
    max_amount = Amount(allow_none=True, metadata={"example": 5000})


class NewCategoryRule(CategoryRuleChange):
    """A category rule: transactions that meet all its conditions get the category. It needs a condition."""

    category = Category(required=True)


class CategoryRule(BaseSchema):
    """A category rule. A condition that is null does not count."""

    id = Identifier()
    category = fields.String(metadata={"example": "leisure"})
    position = fields.Integer(metadata={"example": 1})
    counterparty = fields.String(allow_none=True, metadata={"example": "Corner Bookshop"})
    words = fields.String(allow_none=True, metadata={"example": None})
    type = Choice("TransactionType", *DIRECTIONS, allow_none=True, metadata={"example": "card_purchase"})
    min_amount = Amount(allow_none=True, metadata={"example": None})
    max_amount = Amount(allow_none=True, metadata={"example": None})
    created_at = Timestamp()


class CategoryRuleQuery(PageQuery):
    """The list of category rules."""


class CategoryRuleChanged(BaseSchema):
    """A transaction that would get another category, and the category that it has now."""

    category = fields.String(metadata={"example": "shopping"})
    transaction = fields.Nested(AnnotatedTransaction)


class CategoryRulePreview(BaseSchema):
    """How many transactions since ``from`` would get another category, and the newest 20 of them."""

    from_date = Day(data_key="from", example="2025-11-24")
    count = fields.Integer(metadata={"example": 1})
    items = fields.List(fields.Nested(CategoryRuleChanged))
