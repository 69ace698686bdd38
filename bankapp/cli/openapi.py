"""``flask openapi``: writes the OpenAPI document to a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click
from flask.cli import AppGroup

from bankapp.extensions import api
from config import ROOT

PATH: Final = ROOT / "docs" / "openapi.json"

command = AppGroup("openapi", help="The OpenAPI document.")


def document() -> str:
    """Return the OpenAPI document as JSON text. The same code gives the same text."""
    return json.dumps(api.spec.to_dict(), indent=2, ensure_ascii=False) + "\n"


@command.command("write")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True), default=PATH)
def write(path: Path) -> None:
    """Write the OpenAPI document to PATH (docs/openapi.json; - is standard output)."""
    if str(path) == "-":
        click.echo(document(), nl=False)
        return
    path.write_text(document(), encoding="utf-8")
    click.echo(f"Wrote {path}.")
