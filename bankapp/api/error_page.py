"""The page of error codes: ``flask errors`` prints it as Markdown, ``/docs/errors`` shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import click
from flask import Flask

from bankapp.api.errors import status_of
from bankapp.error_guide import ENTRIES, Entry
from bankapp.errors import BankError

_INTRODUCTION: Final = """\
# Error codes

Every error is `application/problem+json` (RFC 9457). Decide by `code`: it is stable. `type` is the same code as a URN
(`urn:bankapp:problem:not_found`), `title` and `detail` are for people. Support needs the `request_id`.

`flask errors --markdown` prints this page from `bankapp/error_guide.py`. A server shows it at `/docs/errors`, where the
code is the anchor.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An error code with its status, its title and its entry of the guide."""

    code: str
    status: int
    title: str
    entry: Entry


def rows() -> list[Row]:
    """Return a row for each code, by status and code. Raises KeyError for a code that the guide lacks."""
    # Other modules define special cases of a code, with the code of their parent.
    kinds = {kind.code: kind for kind in _kinds(BankError) if kind.__module__ == BankError.__module__}
    found = [Row(code, status_of(kind), kind.title, ENTRIES[code]) for code, kind in kinds.items()]
    return sorted(found, key=lambda row: (row.status, row.code))


def markdown() -> str:
    """Return the page as Markdown. The same code gives the same text."""
    return "\n".join([_INTRODUCTION, *map(_section, rows())])


def _section(row: Row) -> str:
    return (
        f"## {row.code}\n\n"
        f"{row.status}, {row.title}.\n\n"
        f"- Cause: {row.entry.cause}\n"
        f"- What to do: {row.entry.advice}\n"
        f"- Retry: {row.entry.retry.value}\n"
    )


def _kinds(kind: type[BankError]) -> Iterator[type[BankError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


@click.command("errors")
@click.option("--markdown", "as_markdown", is_flag=True, help="The page docs/errors.md.")
def command(as_markdown: bool) -> None:
    """List the error codes with their status and whether a client may retry."""
    if as_markdown:
        click.echo(markdown(), nl=False)
        return
    for row in rows():
        click.echo(f"{row.status}  {row.code:28}  {row.entry.retry.value}")


def init_app(app: Flask) -> None:
    """Register ``flask errors``. It is here because commands do not import the API, which knows the statuses."""
    app.cli.add_command(command)
