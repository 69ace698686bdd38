"""The classes of commands and groups: common options, examples in the help, exit codes."""

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
    """A command with the common options. Its help ends with ``examples``."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params += common_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        write_examples(self.examples, ctx, formatter)


class Group(click.Group):
    """A group of related commands. Its help ends with ``examples``."""

    command_class = Command

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the commands."""
        write_examples(self.examples, ctx, formatter)


class Root(Group):
    """The root group: turns exceptions into exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Errors are printed and become the exit code."""
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
            # The reader of the output has closed the pipe. The command itself has succeeded.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(OK)


def write_examples(examples: Sequence[str], ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write ``examples`` with the program's name in front, ready to be typed."""
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                # Not wrapped, so that an example can be copied.
                formatter.write(f"{'':{formatter.current_indent}}{ctx.find_root().info_name} {example}\n")
