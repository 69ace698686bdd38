"""What customers sort their transactions by: the built-in categories, and the form of a customer's own."""

from __future__ import annotations

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
)
"""The categories that clients may offer and name in their user's language."""

MAX_LENGTH: Final = 30

PATTERN: Final = "[a-z][a-z0-9]*(_[a-z0-9]+)*"
"""A category: a built-in one or the customer's own."""
