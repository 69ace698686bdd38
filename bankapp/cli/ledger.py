"""``flask ledger``: whether the books are right, and the role the application runs as."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from bankapp.cli.output import findings, progress, refusals
from bankapp.services import privileges, verification

command = AppGroup("ledger", help="Guard and check the books.")


@command.command("grant")
@click.argument("role")
@refusals()
def grant(role: str) -> None:
    """Give ROLE what the running application needs in the database, and nothing else (PostgreSQL)."""
    privileges.grant(role)
    print(f"{role} may now run the application; repeat this after every migration.")


@command.command("verify")
@click.option("--json", "as_json", is_flag=True, help="For programs: {faults: [...], checked: {...}, ok: true|false}.")
@refusals()
def verify(as_json: bool) -> None:
    """Check every promise about the books that the data can show; exit code 1 when one is broken.

    Looks at one moment while others go on writing, and names each fault.
    """
    with findings(as_json=as_json) as found, progress("Verifying") as advance:
        found.checked = verification.verify(found.add, advance)
    sys.exit(1 if found.count else 0)
