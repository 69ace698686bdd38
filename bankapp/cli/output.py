"""What the commands share: how they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from bankapp.errors import BankError


@contextmanager
def refusals() -> Iterator[None]:
    """Let a refusal end the command with one line and exit code 1."""
    try:
        yield
    except BankError as problem:
        reasons = [f"{name}: {' '.join(messages)}" for name, messages in (problem.errors or {}).items()]
        raise click.ClickException(" ".join([problem.detail, *reasons])) from problem
