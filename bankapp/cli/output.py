"""Shared by the commands: refusals, progress bars and reports of findings."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from bankapp.errors import BankError


@contextmanager
def refusals() -> Iterator[None]:
    """End the command with one line and exit code 1 when a BankError is raised in the block."""
    try:
        yield
    except BankError as problem:
        reasons = [f"{name}: {' '.join(messages)}" for name, messages in (problem.errors or {}).items()]
        raise click.ClickException(" ".join([problem.detail, *reasons])) from problem


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error, if it is a terminal. Yields a function of ``done`` and ``total``."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@dataclass(slots=True)
class Findings:
    """Writes faults to standard output at once, so that memory does not grow. ``checked`` counts the checked items."""

    as_json: bool
    count: int = 0
    checked: Mapping[str, Any] = field(default_factory=dict)

    def add(self, fault: Any) -> None:
        """Write one fault, a dataclass whose ``str`` is one line."""
        if self.as_json:
            sys.stdout.write(("," if self.count else "") + "\n  " + json.dumps(asdict(fault)))
        else:
            print(fault)
        self.count += 1


@contextmanager
def findings(*, as_json: bool) -> Iterator[Findings]:
    """Yield a :class:`Findings` for a check, and write the summary after it."""
    found = Findings(as_json)
    if as_json:
        sys.stdout.write('{"faults": [')
    yield found
    if as_json:
        rest = {"checked": found.checked, "ok": not found.count}
        print("]," + json.dumps(rest)[1:])
    else:
        checked = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in found.checked.items())
        print(f"Checked {checked}: {found.count or 'no'} fault{'s' if found.count != 1 else ''}.")
