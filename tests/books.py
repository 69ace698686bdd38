"""What must hold of the books at any time."""

from __future__ import annotations

from flask import Flask

from bankapp.services import verification


def faults(app: Flask, *, but: str | None = None) -> list[str]:
    """Return what is wrong with the books of ``app``, each fault with the id of what it is about.

    ``but`` is a rule the test broke itself: who posts to the ledger directly leaves no ``audit``.
    """
    found: list[verification.Fault] = []
    with app.app_context():
        verification.verify(found.append, lambda _done, _total: None)
    return [str(fault) for fault in found if fault.rule != but]
