"""``flask audit``: evidence of tampering with the audit log."""

from __future__ import annotations

import sys
from typing import Any

import click
from flask.cli import AppGroup

from bankapp.cli.output import findings, progress, refusals
from bankapp.services import audit as audit_rows
from bankapp.services import audit_seals
from bankapp.services.audit_seals import Head

command = AppGroup("audit", help="Seal the audit log, and find what was tampered with.")


class _Head(click.ParamType[Head]):
    name = "head"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        try:
            return Head.parse(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


@command.command("seal")
@click.option("--all", "everything", is_flag=True, help="Look at every row, not only at those of the last day.")
@refusals()
def seal(everything: bool) -> None:
    """Seal what has finished since the last time, and print the head: keep it where nobody can change it."""
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
@click.option("--head", "heads", type=_Head(), multiple=True, help="A head that was kept; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="For programs: {faults: [...], checked: {...}, ok: true|false}.")
@refusals()
def verify(heads: tuple[Head, ...], as_json: bool) -> None:
    """Find rows that were edited, removed, moved or cut off since they were sealed; exit code 1 if there are.

    Without a kept head, a chain that was cut short or made anew as a whole looks sound.
    """
    with findings(as_json=as_json) as found, progress("Following the chain") as advance:
        head, found.checked = audit_seals.verify(heads, found.add, advance)
    if not as_json:
        print(head)
    sys.exit(1 if found.count else 0)
