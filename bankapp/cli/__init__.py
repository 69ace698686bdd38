"""The ``flask`` commands, one module per group."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the commands on ``app``."""
