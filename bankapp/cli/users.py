"""``flask users``: creates users, sets their roles, disables and enables them."""

from __future__ import annotations

import getpass
import sys
from typing import Any

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from bankapp.cli.output import refusals
from bankapp.context import CUSTOMER, ROLES
from bankapp.schemas.base import Email
from bankapp.services.identity import users

command = AppGroup("users", help="Users and their roles. Each change is audited and ends the user's sessions.")

role = click.Choice(ROLES)


class _EmailAddress(click.ParamType[str]):
    name = "email"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(Email().deserialize(value))
        except ValidationError as problem:
            self.fail(" ".join(map(str, problem.messages)), param, ctx)


email = click.argument("email")
"""The address as typed: a user may be stored under a spelling that sign-up refuses today."""


@command.command("create")
@click.argument("email", type=_EmailAddress())
@click.option("--role", type=role, default=CUSTOMER, show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@refusals()
def create(email: str, role: str, password_stdin: bool) -> None:
    """Create a user. The password is never an argument, because process lists show arguments."""
    user = users.create(email, _password(from_stdin=password_stdin), role, operator=_operator())
    print(f"Created {user.role} {user.email} ({user.id}).")


@command.command("disable")
@email
@refusals()
def disable(email: str) -> None:
    """Disable a user: end every session and refuse new sign-ins."""
    print(f"Disabled {users.disable(email, operator=_operator()).email}; every session has ended.")


@command.command("enable")
@email
@refusals()
def enable(email: str) -> None:
    """Let a disabled user sign in again."""
    print(f"Enabled {users.enable(email, operator=_operator()).email}.")


@command.command("role")
@email
@click.argument("role", type=role)
@refusals()
def set_role(email: str, role: str) -> None:
    """Give a user another role and end every session of the user."""
    user = users.set_role(email, role, operator=_operator())
    print(f"{user.email} is {user.role} now; every session has ended.")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _operator() -> str:
    return getpass.getuser()
