"""The people of the demo bank: the seed makes them, the sign-in page of a development server offers them."""

from __future__ import annotations

from typing import Final

CUSTOMER_EMAIL: Final = "ada@demo.bankapp.example"
STAFF_EMAIL: Final = "staff@demo.bankapp.example"
ADMIN_EMAIL: Final = "admin@demo.bankapp.example"
PASSWORD: Final = "harbour-lantern-42-quince"  # noqa: S105 - public on purpose; the seed refuses to run in production

LOGINS: Final = (
    (CUSTOMER_EMAIL, "Ada, a customer"),
    (STAFF_EMAIL, "A member of staff"),
    (ADMIN_EMAIL, "An administrator"),
)
