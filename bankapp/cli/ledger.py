"""``flask ledger``: verifies the books, and grants rights to the application's database role."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from bankapp.cli.output import findings, progress, refusals
from bankapp.services import privileges, verification

command = AppGroup("ledger", help="Protect and verify the books.")


@command.command("grant")
@click.argument("role")
@refusals()
def grant(role: str) -> None:
    """Grant ROLE exactly the rights that the running application needs in the database (PostgreSQL)."""
    privileges.grant(role)
    print(f"{role} may now run the application; repeat this after every migration.")


@command.command("verify")
@click.option("--json", "as_json", is_flag=True, help="For programs: {faults: [...], checked: {...}, ok: true|false}.")
@refusals()
def verify(as_json: bool) -> None:
    """Verify the books and name each fault. Exit code 1 if there are any.

    Reads one snapshot, so the service can keep running.
    """
    with findings(as_json=as_json) as found, progress("Verifying") as advance:
        found.checked = verification.verify(found.add, advance)
    sys.exit(1 if found.count else 0)
