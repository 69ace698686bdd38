"""Prints results: tables for people, the bank's own JSON for programs.

Results go to standard output, everything else goes to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bankapp.client.cells import cell, clean, heading
from bankapp.client.errors import ClientError, Refused
from bankapp.client.money import Currencies, is_amount

Document = Mapping[str, Any]

PIPED_WIDTH: Final = 200
"""The width of a table in a file or pipe, in characters. A terminal tells its own width."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError instead of exiting, so that the root command sets the exit code."""
        raise BrokenPipeError


class Output:
    """Prints for people, or for programs if ``as_json``. If ``silent``, results are returned but not printed."""

    def __init__(self, *, as_json: bool, silent: bool = False) -> None:
        self.as_json = as_json
        self.silent = silent

    def item(self, document: Document, currencies: Currencies | None = None, title: str | None = None) -> Document:
        """Print one document, a line for each member, and return it."""
        if self.as_json:
            self._json(document)
        elif not self.silent:
            grid = Table.grid(padding=(0, 2))
            for name, value in document.items():
                if value is None or isinstance(value, list) or (isinstance(value, dict) and name != "counterparty"):
                    continue
                grid.add_row(Text(heading(name), "dim"), cell(document, name, currencies))
                if isinstance(value, dict) and value.get("account_number"):
                    grid.add_row(Text("its account number", "dim"), cell(value, "account_number"))
            console = _console(sys.stdout)
            if title:
                console.print(Text(title, "bold"))
            console.print(grid)
        return document

    def table(
        self, page: Document, columns: Sequence[str], currencies: Currencies | None = None, empty: str = "No items."
    ) -> Document:
        """Print a page of a list as a table with the members ``columns``, and return it."""
        items = page["items"]
        if self.as_json:
            self._json(page)
        elif self.silent:
            pass
        elif not items:
            self.note(empty)
        else:
            table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
            for name in columns:
                is_number = any(is_amount(item, name) for item in items)
                table.add_column(heading(name), justify="right" if is_number else "left", overflow="fold")
            for item in items:
                table.add_row(*(cell(item, name, currencies) for name in columns))
            _console(sys.stdout).print(table)
            if page.get("next_cursor"):
                self.note("There are more: use --limit, --all, or --cursor with the next_cursor of --json.")
        return page

    def done(self, message: str, document: Document) -> Document:
        """Print ``message`` for a person, or ``document`` for a program."""
        if self.as_json:
            self._json(document)
        elif not self.silent:
            _console(sys.stdout).print(clean(message))
        return document

    def line(self, message: str, document: Document, style: str = "") -> None:
        """Print one of many results: ``message`` for a person, or ``document`` on one line for a program."""
        if self.silent:
            return
        if self.as_json:
            print(json.dumps(document, ensure_ascii=False), flush=True)
        else:
            _console(sys.stdout).print(Text(clean(message), style), soft_wrap=True)
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """Print the narration of a run file."""
        if not (self.as_json or self.silent):
            _console(sys.stdout).print(Text("\n" + clean(text.strip()), "bold cyan"))

    def step(self, command: str, profile: str | None) -> None:
        """Print the command of a step."""
        if not (self.as_json or self.silent):
            who = f"{profile} " if profile else ""
            _console(sys.stdout).print(Text(f"{who}$ {clean(command)}", "dim"))

    def refusal(self, refusal: Refused) -> None:
        """Print a refusal that the run file expects."""
        if not (self.as_json or self.silent):
            _console(sys.stdout).print(Text(clean(str(refusal)), "yellow"))

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """With ``as_json``, print no results in the block: a program gets one document at the end."""
        before, self.silent = self.silent, self.silent or self.as_json
        try:
            yield
        finally:
            self.silent = before

    def note(self, message: str, style: str = "dim") -> None:
        """Print a note for a person, besides the result."""
        if not (self.as_json or self.silent):
            _console(sys.stderr).print(Text(clean(message), style))

    def warn(self, message: str) -> None:
        """Print a warning on standard error."""
        _console(sys.stderr).print(Text(clean(message), "yellow"))

    def problem(self, problem: ClientError) -> None:
        """Print the reason why a command failed."""
        if self.as_json:
            print(json.dumps(problem.document(), ensure_ascii=False), file=sys.stderr)
        else:
            _console(sys.stderr).print(Text(clean(str(problem)), "red"))

    def _json(self, document: Any) -> None:
        if not self.silent:
            print(json.dumps(document, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None), flush=True)


def _console(file: Any) -> Console:
    return _Console(
        file=file,
        width=None if file.isatty() else PIPED_WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
    )
