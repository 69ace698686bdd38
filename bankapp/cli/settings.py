"""``flask config``: shows the settings."""

from __future__ import annotations

import json
import os

import click
from flask.cli import with_appcontext

from bankapp import context
from config import SETTINGS, Config, Setting, documented_default, is_given, shown


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="For programs: [{name, value, source}, ...].")
@click.option("--markdown", is_flag=True, help="The table of the README: each setting with its default and meaning.")
@with_appcontext
def command(as_json: bool, markdown: bool) -> None:
    """Show every setting, its value, and whether the environment gave it. Secrets are masked."""
    if markdown:
        for setting in SETTINGS:
            print(f"| `{setting.name}` | {documented_default(setting)} | {setting.meaning} |")
        return
    config = context.config()
    rows = [(setting.name, shown(config, setting), _source(config, setting)) for setting in SETTINGS]
    if as_json:
        print(json.dumps([{"name": name, "value": value, "source": source} for name, value, source in rows]))
        return
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        print(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}")


def _source(config: Config, setting: Setting) -> str:
    if is_given(setting, os.environ):
        return "environment"
    return f"default of {config.env}"
