"""The check of the whole ledger that tests run at their end."""

from __future__ import annotations

from flask import Flask

from bankapp.services import verification


def faults(app: Flask, *, ignored_rule: str | None = None) -> list[str]:
    """Return the faults of the ledger of ``app``, each with the id of its row.

    ``ignored_rule`` is a rule that the test breaks itself: a posting without a command has no ``audit`` row.
    """
    found: list[verification.Fault] = []
    with app.app_context():
        verification.verify(found.append, lambda _done, _total: None)
    return [str(fault) for fault in found if fault.rule != ignored_rule]
