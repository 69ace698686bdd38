"""Commands for sign-up, sign-in and sign-out, for the signed-in user and the user's sessions."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import click

from bankapp.client import api, references
from bankapp.client.app import Command
from bankapp.client.client import Client, pass_client
from bankapp.client.errors import NotSignedIn, SignInRefused, Unreachable
from bankapp.client.options import list_options
from bankapp.client.output import Document

PASSWORD_VARIABLE = "BANKAPP_PASSWORD"  # noqa: S105 - a name, not a password


def password_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the ways to pass a password to a command. None of them shows it in the list of processes."""
    function = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")(function)
    return click.option(
        "--password-variable",
        "password",
        envvar=PASSWORD_VARIABLE,
        show_envvar=True,
        hidden=True,
        expose_value=False,
        callback=_set_password,
    )(function)


def _set_password(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    client = ctx.ensure_object(Client)
    client.password = client.password or value


def ask_password(client: Client, password_stdin: bool, *, confirm: bool = False) -> str:
    """Return the password from standard input, the environment, or the person at the terminal."""
    if password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str | None = client.password
    return password or click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True)


@click.command(
    cls=Command,
    examples=[
        "signup ada@example.com --first-name Ada --last-name Lovelace --dob 1990-12-10",
        "signup ada@example.com --password-stdin < password.txt",
    ],
)
@click.argument("email")
@click.option("--first-name", help="Needed to open accounts, with the last name and date of birth.")
@click.option("--last-name")
@click.option("--dob", metavar="YYYY-MM-DD", help="Date of birth.")
@password_options
@pass_client
def signup(
    client: Client,
    *,
    email: str,
    first_name: str | None,
    last_name: str | None,
    dob: str | None,
    password_stdin: bool,
) -> Document:
    """Sign up as a customer, and sign in."""
    password = ask_password(client, password_stdin, confirm=True)
    person = {"first_name": first_name, "last_name": last_name, "dob": dob}
    body = {"email": email, "password": password} | {name: value for name, value in person.items() if value}
    bank = client.session.bank
    made: dict[str, Any] = api.once(lambda: api.document(bank.call("POST", "/auth/signup", body=body)))
    user = client.session.sign_in(email, password)
    return client.out.done(f"Welcome. You are signed in as {user['email']} at {bank.url}.", made)


@click.command(
    cls=Command,
    examples=["login ada@example.com", "login ada@example.com --password-stdin < password.txt", "login --profile work"],
)
@click.argument("email", required=False)
@click.option(
    "--otp", metavar="CODE", help="The code of the second factor. Without the option it is asked for when needed."
)
@password_options
@pass_client
def login(client: Client, email: str | None, otp: str | None, password_stdin: bool) -> Document:
    """Sign in. The session is stored until it ends or you log out."""
    earlier = client.profile.tokens()
    email = email or click.prompt("E-mail", default=earlier.email if earlier else None, err=True)
    password = ask_password(client, password_stdin)
    try:
        user = client.session.sign_in(email, password, otp)
    except SignInRefused as refusal:
        if refusal.reason != "otp_required" or otp:
            raise
        user = client.session.sign_in(email, password, click.prompt("One-time password", err=True))
    return client.out.done(f"You are signed in as {user['email']} at {client.session.bank.url}.", user)


@click.command(cls=Command, examples=["logout", "logout --profile work"])
@pass_client
def logout(client: Client) -> Document:
    """End the session and forget it on this machine."""
    try:
        client.session.sign_out()
    except NotSignedIn:
        client.out.note("The session had already ended.")
    except Unreachable as problem:
        raise Unreachable(f"Signed out here, but not at the bank: {problem}", sent=problem.sent) from None
    return client.out.done("You are signed out.", {"signed_in": False})


@click.command(cls=Command, examples=["whoami", "whoami --json"])
@pass_client
def whoami(client: Client) -> Document:
    """Show who is signed in, where, and for how long."""
    user = client.session.get("/auth/me")
    tokens = client.session.tokens()
    more = {
        "profile": client.profile.name,
        "url": tokens.url,
        "session_ends_in_seconds": max(0, int(tokens.refresh_expires_at - time.time())),
        "unfinished_orders": len(client.profile.orders()),
    }
    return client.out.item(user | more)


@click.command(cls=Command, examples=["sessions", "sessions --end 4f1a", "sessions --end-all"])
@list_options
@click.option("--end", metavar="SESSION", help="End this session: its id, or a unique beginning or end of it.")
@click.option("--end-all", is_flag=True, help="End all sessions, including this one.")
@pass_client
def sessions(client: Client, end: str | None, end_all: bool, limit: int | None, cursor: str | None) -> Document:
    """List your open sessions, or end them."""
    session = client.session
    if end_all:
        session.change("DELETE", "/auth/sessions")
        client.profile.forget_tokens()
        return client.out.done("All your sessions have ended, including this one.", {"signed_in": False})
    if end:
        found = references.sign_in(session, end)
        session.change("DELETE", f"/auth/sessions/{found['id']}")
        if found["current"]:
            client.profile.forget_tokens()
        return client.out.done(f"The session {found['id']} has ended.", found)
    page = session.page("/auth/sessions", limit, cursor)
    return client.out.table(page, ["id", "device_id", "ip_address", "created_at", "last_used_at", "current"])
