"""Options that many commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from bankapp.client.client import DEFAULT_URL, Client
from bankapp.client.store import PROFILE_NAME

R = TypeVar("R")

API_KEY_VARIABLE = "BANKAPP_API_KEY"


def common_options(*, from_environment: bool = False) -> list[click.Parameter]:
    """Return the common options. They are accepted before a command's name and after it."""

    def apply(change: Callable[[Client, Any], None]) -> Callable[[click.Context, click.Parameter, Any], None]:
        def callback(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
            if value is not None:
                change(ctx.ensure_object(Client), value)

        return callback

    def option(*names: str, variable: str | None = None, **kwargs: Any) -> click.Option:
        envvar = variable if from_environment else None
        # A flag that is missing after the command's name must not reset the one before the name.
        return click.Option(names, envvar=envvar, show_envvar=True, expose_value=False, default=None, **kwargs)

    options: list[click.Parameter] = [
        option(
            "--json",
            is_flag=True,
            callback=apply(lambda client, on: setattr(client.out, "as_json", on or client.out.as_json)),
            help="Print the bank's JSON, with amounts in minor units. Problems go to standard error.",
        ),
        option(
            "--profile",
            variable="BANKAPP_PROFILE",
            metavar="NAME",
            callback=apply(_use_profile),
            help="Use the sign-in NAME. Each profile has its own, so several users can work side by side.",
        ),
        option(
            "--url",
            variable="BANKAPP_URL",
            callback=apply(_use_url),
            help=f"The bank's URL. [default: where the profile is signed in, or {DEFAULT_URL}]",
        ),
        option(
            "--timeout",
            variable="BANKAPP_TIMEOUT",
            type=click.FloatRange(0.1, 300),
            metavar="SECONDS",
            callback=apply(lambda client, value: setattr(client, "timeout_seconds", value)),
            help="How long to wait for each answer.",
        ),
    ]
    if from_environment:
        options.append(
            # Hidden: an argument would be shown in the list of processes.
            option(
                "--api-key-variable",
                variable=API_KEY_VARIABLE,
                hidden=True,
                callback=apply(lambda client, key: setattr(client, "api_key", key.strip())),
            )
        )
    return options


def _use_profile(client: Client, name: str) -> None:
    if not PROFILE_NAME.fullmatch(name):
        raise click.BadParameter("a profile name has only letters, digits, '.', '_' and '-'.")
    client.profile_name = name


def _use_url(client: Client, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise click.BadParameter("give a URL like https://bank.example")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        client.out.warn(f"{url} is not encrypted: others can read passwords and tokens on the network.")
    client.given_url = url.rstrip("/")


def list_options(function: Callable[..., R]) -> Callable[..., R]:
    """Add --limit, --all and --cursor to a command that lists. It gets ``limit`` (None means all) and ``cursor``."""

    @functools.wraps(function)
    def call(*args: Any, everything: bool, limit: int, **kwargs: Any) -> R:
        return function(*args, limit=None if everything else limit, **kwargs)

    for option in (
        click.option("--cursor", help="Continue a list: the next_cursor of its last page."),
        click.option("--all", "everything", is_flag=True, help="Show all items."),
        click.option(
            "--limit", type=click.IntRange(1), default=20, show_default=True, help="The highest number of items."
        ),
    ):
        call = option(call)
    return call
