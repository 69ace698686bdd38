"""What customers sort their transactions by: the built-in categories, a customer's own, and those without a choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BUILT_IN: Final = (
    "salary",
    "rent",
    "housing",
    "groceries",
    "eating_out",
    "transport",
    "travel",
    "shopping",
    "health",
    "education",
    "leisure",
    "subscriptions",
    "insurance",
    "taxes",
    "fees",
    "savings",
    "gifts",
    "cash",
    "transfers",
)
"""The categories that clients may offer and name in their user's language."""

MAX_LENGTH: Final = 30

PATTERN: Final = "[a-z][a-z0-9]*(_[a-z0-9]+)*"
"""A category: a built-in one or the customer's own."""

OWN_TRANSFERS: Final = "transfers"
"""The category of a transfer between accounts of one customer. No rule changes it; an annotation does."""

DEFAULTS: Final[Mapping[str, str]] = {"deposit": "cash", "withdrawal": "cash", "card_purchase": "shopping"}
"""Type of a transaction → its category where neither an annotation nor a rule gives one."""

UNCATEGORIZED: Final = "uncategorized"
"""What has no category by annotation, rule or default."""
