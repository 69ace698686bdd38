"""``flask doctor``: checks the set-up."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from bankapp.cli.output import refusals
from bankapp.services import diagnosis

_COLOURS = {diagnosis.GREEN: "green", diagnosis.YELLOW: "yellow", diagnosis.RED: "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="For programs: {findings: [{check, level, found, do}], ok}.")
@with_appcontext
@refusals()
def command(as_json: bool) -> None:
    """Check the set-up: settings, database, role, triggers, clock, disk, worker. Exit code 1 if anything is red.

    Changes nothing. Run it with the environment of the service, as the service's user.
    """
    findings = list(diagnosis.diagnose())
    is_ok = all(finding.level != diagnosis.RED for finding in findings)
    if as_json:
        print(json.dumps({"findings": [asdict(finding) for finding in findings], "ok": is_ok}))
    else:
        for finding in findings:
            level = click.style(f"{finding.level:7}", fg=_COLOURS[finding.level])
            click.echo(f"{level}{finding.check:18}{finding.found}" + (f"\n{'':25}→ {finding.do}" if finding.do else ""))
    sys.exit(0 if is_ok else 1)
