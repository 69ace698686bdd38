"""Commands that follow the stream of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import click

from bankapp.client import events as stream
from bankapp.client.app import Group
from bankapp.client.client import Client, pass_client
from bankapp.client.errors import Refused
from bankapp.client.events import Event
from bankapp.client.money import Currencies, currency_of, is_amount
from bankapp.client.output import Document

_STATES: Final = ("merchant", "description", "status", "last4", "name")
"""The members of a resource that tell most about it to a person."""


def stream_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which events are wanted. The command gets ``after``, ``types`` and ``count``."""
    for option in (
        click.option("--count", type=click.IntRange(1), help="End after so many events. [default: go on for ever]"),
        click.option("--type", "types", metavar="TYPE", multiple=True, help="Only events of this type; repeatable."),
        click.option(
            "--after",
            type=click.IntRange(0),
            metavar="POSITION",
            help="Begin after this position; 0 is the first event. [default: only new events]",
        ),
    ):
        function = option(function)
    return function


@click.group(cls=Group)
def events() -> None:
    """Watch what happens to your accounts, cards and money."""


@events.command(
    examples=["events tail", "events tail --after 0 --type transaction.created --json", "events tail --count 1"]
)
@stream_options
@pass_client
def tail(client: Client, after: int | None, types: tuple[str, ...], count: int | None) -> Document:
    """Print each event as it happens, until Ctrl-C.

    The stream goes on by itself after a lost connection, without a gap. With --json each line is one event.
    """
    currencies = None if client.out.as_json else known_currencies(client)
    position = start(client, after, types)
    client.out.note(f"Events after position {position}. Ctrl-C ends.")

    def show(event: Event) -> None:
        client.out.line(_text(event.document, currencies), event.document)

    return each(client, position, types, count, show)


def start(client: Client, after: int | None, types: tuple[str, ...]) -> int:
    """Return the position after which to begin: ``after``, or the end of the stream."""
    last = stream.last_position(client.session, types)
    return last if after is None else after


def each(
    client: Client, position: int, types: tuple[str, ...], count: int | None, act: Callable[[Event], None]
) -> Document:
    """Call ``act`` with each event after ``position``, until ``count`` or Ctrl-C. Return the position that was reached.

    Ctrl-C during ``act`` leaves its event to the next run.
    """

    def pause(reason: str, seconds: float) -> None:
        client.out.warn(f"{reason}\nTrying again in {seconds:.0f} seconds, after position {position}.")

    numbered: Iterator[Event] = stream.follow(client.session, position, types, pause)
    done = 0
    try:
        for event in numbered:
            act(event)
            position = event.position
            done += 1
            if done == count:
                break
    except KeyboardInterrupt:
        client.out.note(f"\nStopped. Go on with --after {position}.")
    return {"events": done, "last_position": position}


def known_currencies(client: Client) -> Currencies | None:
    """Return the bank's currencies, or None where an API key may not read them."""
    try:
        client.currencies.exponent("EUR")
    except Refused as refusal:
        if refusal.reason != "insufficient_scope":
            raise
        return None
    except click.UsageError:
        pass
    return client.currencies


def _text(event: Document, currencies: Currencies | None) -> str:
    data = event["data"]
    when = str(event["created_at"]).replace("T", " ").partition(".")[0]
    words = [str(event["position"]), when, str(event["type"])]
    currency = currency_of(data)
    if currency and is_amount(data, "amount"):
        amount = data["amount"]
        words.append(currencies.display(amount, currency) if currencies else f"{amount} minor units of {currency}")
    words += [str(data[name]) for name in _STATES if data.get(name)]
    return "  ".join([*words, str(event["resource_id"])])
