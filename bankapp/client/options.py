"""Options that many commands take."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from bankapp.client.client import DEFAULT_URL, Client
from bankapp.client.store import PROFILE_NAME

R = TypeVar("R")


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
