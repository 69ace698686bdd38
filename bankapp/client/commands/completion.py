"""The command that sets up shell completion."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Final

import click
from click.shell_completion import get_completion_class

from bankapp.client.app import Command

NAME: Final = "bankapp"
_ROOT: Final = Path(__file__).parents[3]


@click.command(
    cls=Command,
    examples=[
        'completion bash > ~/.bankapp.bash && echo ". ~/.bankapp.bash" >> ~/.bashrc',
        "completion fish > ~/.config/fish/conf.d/bankapp.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> str:
    """Print a script for SHELL that defines the command `bankapp` and its completion."""
    found = get_completion_class(shell)
    assert found is not None
    source = found(ctx.find_root().command, {}, NAME, "_BANKAPP_COMPLETE").source()
    program = f"PYTHONPATH={shlex.quote(str(_ROOT))} {shlex.quote(sys.executable)} -m bankapp.client"
    # Click's script calls `bankapp` through `env`. Ours is a shell function, which `env` cannot call.
    for call in ("bash_complete $1)", f"zsh_complete {NAME})", f"(commandline -t) {NAME})"):
        source = source.replace(call, f"{call.rpartition(' ')[0]} {program})")
    source = source.replace(f"    (( ! $+commands[{NAME}] )) && return 1\n", "")
    arguments = "$argv" if shell == "fish" else '"$@"'
    body = f"env {program} {arguments}"
    wrapper = f"function {NAME}; {body}; end" if shell == "fish" else f"{NAME}() {{ {body}; }}"
    click.echo(f"{wrapper}\n{source}")
    return source
