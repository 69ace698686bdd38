"""The root of the command line, with all its commands."""

from __future__ import annotations

from typing import Final

import click

from bankapp.client.app import Root
from bankapp.client.commands import (
    accounts,
    cards,
    completion,
    events,
    insights,
    keys,
    payees,
    payments,
    people,
    records,
    script,
    webhooks,
)
from bankapp.client.errors import EXIT_CODES
from bankapp.client.options import common_options

_CODES: Final = "\n".join(f"{code:>5}  {meaning}" for code, meaning in EXIT_CODES.items())


@click.group(
    cls=Root,
    help=f"A bank on the command line.\n\n\b\nExit codes:\n{_CODES}",
    params=common_options(from_environment=True),
    context_settings={"max_content_width": 100},
    examples=[
        "demo",
        "signup ada@example.com --first-name Ada --last-name Lovelace --dob 1990-12-10",
        "account open --currency EUR",
        "transfer 5330117 DE49500105175415330117 25.50 --description 'Rent November' --reference INV-0117",
    ],
)
def bank() -> None:
    """Group the commands."""


for command in (
    people.signup,
    people.login,
    people.logout,
    people.whoami,
    people.sessions,
    accounts.accounts,
    accounts.account,
    payments.deposit,
    payments.withdraw,
    payments.transfer,
    payments.reverse,
    payments.resume,
    records.history,
    records.statement,
    records.audit,
    insights.insights,
    insights.rules,
    cards.cards,
    payees.payees,
    keys.keys,
    events.events,
    webhooks.webhooks,
    script.run,
    script.demo,
    completion.completion,
):
    bank.add_command(command)
