"""Commands and groups: their common options, their examples, and the exit code of every ending."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from bankapp.client.client import Client
from bankapp.client.errors import INTERRUPTED, OK, ClientError
from bankapp.client.options import common_options


class Command(click.Command):
    """A command that takes the common options, too, and shows ``examples`` in its help."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params += common_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        write_examples(self.examples, ctx, formatter)


class Group(click.Group):
    """Commands of one family."""

    command_class = Command

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the commands."""
        write_examples(self.examples, ctx, formatter)


class Root(Group):
    """The whole command line: turns every ending into its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; only what it means to a script leaves here."""
        client = ctx.ensure_object(Client)
        try:
            return super().invoke(ctx)
        except ClientError as problem:
            client.out.problem(problem)
            ctx.exit(problem.exit_code)
        except (click.Abort, KeyboardInterrupt):
            client.out.warn("Interrupted.")
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our output has gone; what the command did is done.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(OK)


def write_examples(examples: Sequence[str], ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write ``examples``, given without the program's name, as they are to be typed."""
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                # Not wrapped: an example is there to be copied.
                formatter.write(f"{'':{formatter.current_indent}}{ctx.find_root().info_name} {example}\n")
