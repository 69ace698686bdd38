"""What all commands share: the options that may stand anywhere, and the client they work with."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import click

from bankapp.client import orders
from bankapp.client.api import Api
from bankapp.client.errors import INTERRUPTED, OK, ClientError
from bankapp.client.money import Currencies
from bankapp.client.output import Output
from bankapp.client.session import Session
from bankapp.client.store import PROFILE_NAME, Profile, Store

R = TypeVar("R")

DEFAULT_URL: Final = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_SECONDS: Final = 15.0


class Client:
    """Who runs the command, at which bank, and how the result is to be shown."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self.given_url: str | None = None
        self.profile_name = "default"
        self.timeout_seconds = DEFAULT_TIMEOUT_SECONDS
        self.password: str | None = None
        self.out = Output(as_json=False)

    def as_profile(self, name: str) -> Client:
        """Return a client that does the same as somebody else."""
        other = Client(self.store)
        other.given_url, other.timeout_seconds, other.out = self.given_url, self.timeout_seconds, self.out
        other.profile_name = name
        return other

    @cached_property
    def profile(self) -> Profile:
        """The files of the chosen profile."""
        return self.store.profile(self.profile_name)

    @cached_property
    def session(self) -> Session:
        """The sign-in of the chosen profile, at the chosen bank or else the one it was made at."""
        kept = self.profile.tokens()
        url = self.given_url or (kept.url if kept else DEFAULT_URL)
        return Session(Api(url, self.store.device_id(), self.timeout_seconds), self.profile)

    @cached_property
    def currencies(self) -> Currencies:
        """The bank's currencies."""
        return Currencies(self.session)

    def place(self, path: str, body: Mapping[str, Any], summary: str, key: str | None = None) -> Any:
        """Carry out an order, as :func:`orders.place` does, and say so when it finished an earlier one."""
        answer, was_earlier = orders.place(self.session, path, body, summary, key)
        if was_earlier:
            self.out.warn("An identical request was left unfinished; it was finished now, and not sent anew.")
        return answer


def pass_client(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the client as its first argument."""
    return click.make_pass_decorator(Client)(function)


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


def common_options(*, from_environment: bool = False) -> list[click.Parameter]:
    """Return the options that may stand before a command or among its own."""

    def keep(change: Callable[[Client, Any], None]) -> Callable[[click.Context, click.Parameter, Any], None]:
        def callback(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
            if value is not None:
                change(ctx.ensure_object(Client), value)

        return callback

    def option(*names: str, variable: str | None = None, **kwargs: Any) -> click.Option:
        envvar = variable if from_environment else None
        # A flag that is not given must not undo the one before the command's name.
        return click.Option(names, envvar=envvar, show_envvar=True, expose_value=False, default=None, **kwargs)

    return [
        option(
            "--json",
            is_flag=True,
            callback=keep(lambda client, on: setattr(client.out, "as_json", on or client.out.as_json)),
            help="Print the bank's JSON: amounts in minor units, problems on standard error.",
        ),
        option(
            "--profile",
            variable="BANKAPP_PROFILE",
            metavar="NAME",
            callback=keep(_use_profile),
            help="Act as the sign-in NAME, so that several people can be used side by side.",
        ),
        option(
            "--url",
            variable="BANKAPP_URL",
            callback=keep(_use_url),
            help=f"The bank's address; by default where the profile is signed in, or {DEFAULT_URL}.",
        ),
        option(
            "--timeout",
            variable="BANKAPP_TIMEOUT",
            type=click.FloatRange(0.1, 300),
            metavar="SECONDS",
            callback=keep(lambda client, value: setattr(client, "timeout_seconds", value)),
            help="How long to wait for one answer.",
        ),
    ]


def _use_profile(client: Client, name: str) -> None:
    if not PROFILE_NAME.fullmatch(name):
        raise click.BadParameter("a profile's name has letters, digits, '.', '_' and '-' only.")
    client.profile_name = name


def _use_url(client: Client, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise click.BadParameter("give an address like https://bank.example")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        client.out.warn(f"{url} is not encrypted: passwords and tokens can be read on the way.")
    client.given_url = url.rstrip("/")


def list_options(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command that lists something --limit, --all and --cursor; it gets ``limit`` (None: all) and ``cursor``."""

    @functools.wraps(function)
    def call(*args: Any, everything: bool, limit: int, **kwargs: Any) -> R:
        return function(*args, limit=None if everything else limit, **kwargs)

    for option in (
        click.option("--cursor", help="Go on where a list ended: its next_cursor."),
        click.option("--all", "everything", is_flag=True, help="All of them."),
        click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many."),
    ):
        call = option(call)
    return call


def age_of(made_at: float) -> str:
    """Say how long ago a time (seconds since 1970) was."""
    seconds = int(time.time() - made_at)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
