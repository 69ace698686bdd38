"""``flask audit``: seals the audit log and detects tampering."""

from __future__ import annotations

import sys
from typing import Any

import click
from flask.cli import AppGroup

from bankapp.cli.output import findings, progress, refusals
from bankapp.services import audit as audit_rows
from bankapp.services import audit_seals
from bankapp.services.audit_seals import Head

command = AppGroup("audit", help="Seal the audit log and detect tampering.")


class _Head(click.ParamType[Head]):
    name = "head"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        try:
            return Head.parse(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


@command.command("seal")
@click.option("--all", "everything", is_flag=True, help="Check every row, not only those of the last day.")
@refusals()
def seal(everything: bool) -> None:
    """Seal the rows that finished since the last run, and print the head. Keep the head on another system."""
    count, head = audit_seals.seal(everything=everything)
    click.echo(f"Sealed {count} rows. Keep this head elsewhere:", err=True)
    print(head)


@command.command("settle")
@click.option("--all", "everything", is_flag=True, help="Look at every row, not only at those of the last two days.")
@refusals()
def settle(everything: bool) -> None:
    """Give rows their outcome whose attempt is over: failure, code abandoned. Run it every few minutes."""
    print(f"{audit_rows.settle(everything=everything)} abandoned rows settled")


@command.command("verify")
@click.option("--head", "heads", type=_Head(), multiple=True, help="A head that was kept. The option can be repeated.")
@click.option("--json", "as_json", is_flag=True, help="For programs: {faults: [...], checked: {...}, ok: true|false}.")
@refusals()
def verify(heads: tuple[Head, ...], as_json: bool) -> None:
    """Find rows that were edited, removed or moved after they were sealed. Exit code 1 if there are any.

    Without --head, a chain that was shortened or completely rebuilt is not detected.
    """
    with findings(as_json=as_json) as found, progress("Checking the chain") as advance:
        head, found.checked = audit_seals.verify(heads, found.add, advance)
    if not as_json:
        print(head)
    sys.exit(1 if found.count else 0)
