"""Wire shapes of transactions."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import ValidationError, fields, post_load, validate

from bankapp import money, search_terms
from bankapp.listing import HistoryFilter
from bankapp.models.transaction import DIRECTIONS
from bankapp.schemas.accounts import EXAMPLE_IBAN
from bankapp.schemas.base import (
    Amount,
    BaseSchema,
    Choice,
    CurrencyCode,
    Identifier,
    Money,
    QueryInteger,
    QuerySchema,
    Timestamp,
)
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import PaymentIdentifier, description
from bankapp.schemas.transaction_annotations import Remarks
from bankapp.search_terms import Condition

MAX_QUESTION_LENGTH: Final = 210
"""Longer than the longest name of a counterparty."""

MAX_WORDS: Final = 8


class Question(fields.String):
    """Words to search for; they arrive as conditions on the search index."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=_check_conditions, **kwargs)
        shape = {"minLength": 1, "maxLength": MAX_QUESTION_LENGTH, "pattern": r"\S"}
        self.metadata: dict[str, Any] = shape | dict(self.metadata)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if len(value) > MAX_QUESTION_LENGTH:
            raise ValidationError(f"Longer than maximum length {MAX_QUESTION_LENGTH}.")
        return self._conditions(value)

    def _conditions(self, text: str) -> list[Condition]:
        return search_terms.asked(text)


class WholeTerm(Question):
    """A category, tag or counterparty to search for; it arrives as a condition on the search index."""

    def __init__(self, sign: str, **kwargs: Any) -> None:
        self._sign = sign
        super().__init__(**kwargs)

    def _conditions(self, text: str) -> list[Condition]:
        return [Condition(search_terms.whole(self._sign, text))] if search_terms.words(text) else []


def _check_conditions(conditions: list[Condition]) -> None:
    if not conditions:
        raise ValidationError("Must contain a letter or digit.")
    if len(conditions) > MAX_WORDS:
        raise ValidationError(f"Must have at most {MAX_WORDS} different words.")


class Counterparty(BaseSchema):
    """The other side of a movement, as it was when the money moved."""

    name = fields.String(
        metadata={
            "description": "The name of the account holder or merchant, or `Cash`.",
            "example": "Grace Hopper",
        }
    )
    account_number = fields.String(
        allow_none=True,
        metadata={"description": "An IBAN; null for a merchant and for cash.", "example": EXAMPLE_IBAN},
    )


class NewTransaction(BaseSchema):
    """A deposit or withdrawal."""

    account_id = Identifier(required=True)
    type = Choice("NewTransactionType", "deposit", "withdrawal", required=True)
    amount = Amount(required=True)
    currency = CurrencyCode(required=True)
    description = description()
    reference = PaymentIdentifier("INV-2026-0117", load_default=None)
    end_to_end_id = PaymentIdentifier("E2E-2026-0117", load_default=None)


class Transaction(BaseSchema):
    """One line of an account's history; ``balance_after`` continues the one before."""

    id = Identifier()
    account_id = Identifier()
    type = Choice("TransactionType", *DIRECTIONS)
    amount = Amount()
    currency = CurrencyCode()
    balance_after = Money()
    description = fields.String(allow_none=True, metadata={"example": "Rent November"})
    counterparty = fields.Nested(Counterparty, allow_none=True)
    reference = PaymentIdentifier("INV-2026-0117")
    end_to_end_id = PaymentIdentifier("E2E-2026-0117")
    transfer_id = Identifier(allow_none=True, metadata={"example": None})
    created_at = Timestamp()


class AnnotatedTransaction(Transaction):
    """A transaction as its owner reads it. For everybody else ``annotation`` is null."""

    annotation = fields.Nested(Remarks, allow_none=True)


class TransactionFilter(QuerySchema):
    """How a history is narrowed; both ends of a span are included."""

    account_id = Identifier(load_default=None)
    type = Choice("TransactionType", *DIRECTIONS, load_default=None)
    start = Timestamp(data_key="from", load_default=None)
    end = Timestamp(data_key="to", load_default=None)
    min_amount = QueryInteger(
        load_default=None, validate=validate.Range(0, money.MAX_AMOUNT), metadata={"example": 100}
    )
    max_amount = QueryInteger(
        load_default=None, validate=validate.Range(0, money.MAX_AMOUNT), metadata={"example": 5000}
    )

    q = Question(
        load_default=None,
        metadata={
            "description": (
                "Words that the description, the reference, the counterparty's name and your notes together must have,"
                " in any order. Case and accents do not count. A word of three or more characters also finds longer"
                " words that begin with it. Searches your own accounts only."
            ),
            "example": "rent novem",
        },
    )
    category = WholeTerm(
        search_terms.CATEGORY,
        load_default=None,
        metadata={"description": "The category, by your annotation, your rules or by default.", "example": "groceries"},
    )
    tag = WholeTerm(
        search_terms.TAG, load_default=None, metadata={"description": "A tag of your annotation.", "example": "holiday"}
    )
    counterparty = WholeTerm(
        search_terms.COUNTERPARTY,
        load_default=None,
        metadata={"description": "The whole name of the counterparty.", "example": "Grace Hopper"},
    )

    @post_load
    def make_filter(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Gather what narrows the history into the filter that repositories take."""
        names = ("type", "start", "end", "min_amount", "max_amount")
        conditions = [
            condition for name in ("q", "category", "tag", "counterparty") for condition in data.pop(name) or ()
        ]
        values = {name: data.pop(name) for name in names}
        return data | {"narrowed": HistoryFilter(**values, conditions=tuple(dict.fromkeys(conditions)))}


class TransactionQuery(TransactionFilter, PageQuery):
    """A page of a history, narrowed."""
