"""Commands for webhooks: the endpoints at the bank, and help for a receiver that is being written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import click

from bankapp.client import example_events, references
from bankapp.client import webhooks as messages
from bankapp.client.app import Group
from bankapp.client.client import Client, pass_client
from bankapp.client.commands.events import each, start, stream_options
from bankapp.client.errors import ClientError
from bankapp.client.events import Event
from bankapp.client.options import list_options
from bankapp.client.output import Document
from bankapp.client.webhooks import Answer, Forwarder, Message, SignatureRefused

COLUMNS: Final = ("url", "status", "disabled_reason", "ordering", "failing_since", "created_at", "id")
SECRET_VARIABLE = "BANKAPP_WEBHOOK_SECRET"  # noqa: S105 - a name, not a secret
TEST_SECONDS: Final = 25.0
"""How long `webhooks test` waits for the outcome. The bank gives a receiver 15 seconds."""

TEST_PAUSE_SECONDS: Final = 0.5


class NotConfirmed(ClientError):
    """The receiver did not confirm a message."""

    code = "not_confirmed"


class NotGenuine(ClientError):
    """The signature of a message is wrong or old."""

    code = "signature_refused"


def receiver_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the receiver of messages. The command gets ``receiver``, ``any_host`` and ``secret`` (None: not given)."""
    for option in (
        secret_option,
        click.option("--any-host", is_flag=True, help="Allow a receiver that is not on this machine."),
        click.option("--forward-to", "receiver", metavar="URL", required=True, help="Your receiver on this machine."),
    ):
        function = option(function)
    return function


def secret_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Read the secret from the environment: an argument would be shown in the list of processes."""
    return click.option(
        "--secret-variable", "secret", envvar=SECRET_VARIABLE, show_envvar=True, hidden=True, callback=_checked_secret
    )(function)


def _checked_secret(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            messages.key_of(value.strip())
        except ValueError as problem:
            raise click.UsageError(f"{SECRET_VARIABLE}: {problem}.") from None
        return value.strip()
    return None


@click.group(cls=Group)
def webhooks() -> None:
    """Have your events sent to a server, and try a receiver out on this machine.

    Name an endpoint by its id, by its URL, or by a unique beginning or end of either.
    """


@webhooks.command(
    examples=[
        "webhooks listen --forward-to http://127.0.0.1:8080/hook",
        "webhooks listen --forward-to http://127.0.0.1:8080/hook --type transaction.created --after 0",
    ]
)
@receiver_options
@stream_options
@pass_client
def listen(
    client: Client,
    *,
    receiver: str,
    any_host: bool,
    secret: str | None,
    after: int | None,
    types: tuple[str, ...],
    count: int | None,
) -> Document:
    """Forward your events to a receiver on this machine, as webhooks, until Ctrl-C.

    The messages are signed with the secret that is printed first, or with that in BANKAPP_WEBHOOK_SECRET. A message
    is sent once: an answer that does not confirm it is shown, and the next event follows.
    """
    forwarder = _forwarder(client, receiver, secret, any_host=any_host)
    position = start(client, after, types)
    client.out.note(f"Forwarding the events after position {position} to {receiver}. Ctrl-C ends.")

    def forward(event: Event) -> None:
        found = event.document
        message = messages.message(found["id"], found["type"], found["created_at"], event.text)
        _show(client, found["type"], event.position, message, forwarder.send(message))

    try:
        return each(client, position, types, count, forward)
    finally:
        forwarder.close()


@webhooks.command(
    examples=["webhooks trigger transaction.created --forward-to http://127.0.0.1:8080/hook"],
)
@click.argument("type", metavar="TYPE", type=click.Choice([*example_events.TYPES, example_events.TEST]))
@receiver_options
@pass_client
def trigger(client: Client, *, type: str, receiver: str, any_host: bool, secret: str | None) -> Document:
    """Send an example event of a type to a receiver on this machine, as a signed webhook.

    Nothing happens at the bank, and it needs no sign-in. `webhooks test` has the bank send a message.
    """
    if type == example_events.TEST:
        event, happened_at = example_events.test_data(), example_events.now()
        message = messages.message(example_events.new_id(), type, happened_at, json.dumps(event))
    else:
        found = example_events.event(type)
        message = messages.message(found["id"], type, found["created_at"], json.dumps(found))
    forwarder = _forwarder(client, receiver, secret, any_host=any_host)
    try:
        answer = forwarder.send(message)
    finally:
        forwarder.close()
    shown = _show(client, type, None, message, answer)
    if not answer.is_success:
        raise NotConfirmed(f"{receiver} did not confirm the message.")
    return shown


@webhooks.command(
    examples=["webhooks verify body.json --id 0195… --timestamp 1764000000 --signature v1,K5oZ…"],
)
@click.argument("body", type=click.File("rb"))
@click.option("--id", "message_id", metavar="TEXT", required=True, help="The header webhook-id.")
@click.option("--timestamp", metavar="TEXT", required=True, help="The header webhook-timestamp.")
@click.option("--signature", metavar="TEXT", required=True, help="The header webhook-signature.")
@secret_option
@pass_client
def verify(
    client: Client, *, body: BinaryIO, message_id: str, timestamp: str, signature: str, secret: str | None
) -> Document:
    """Check the signature of a message that you received, with the secret in BANKAPP_WEBHOOK_SECRET.

    BODY is a file with the bytes as they came, or - for standard input.
    """
    if secret is None:
        raise click.UsageError(f"Put the endpoint's secret into {SECRET_VARIABLE}.")
    headers = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    try:
        messages.verify(headers, body.read(), secret)
    except SignatureRefused as problem:
        raise NotGenuine(str(problem)) from None
    return client.out.done("The message is genuine.", {"genuine": True})


@webhooks.command("list", examples=["webhooks list", "webhooks list --all --json"])
@list_options
@pass_client
def list_(client: Client, limit: int | None, cursor: str | None) -> Document:
    """List your webhook endpoints."""
    page = client.session.page("/webhook-endpoints", limit, cursor)
    return client.out.table(page, COLUMNS, empty="You have no webhook endpoint: `webhooks add`.")


@webhooks.command(
    examples=[
        "webhooks add https://ada.example/bank-events",
        "webhooks add https://ada.example/bank-events --type transaction.created --ordering account",
    ]
)
@click.argument("address", metavar="URL")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Only events of this type; repeatable.")
@click.option("--description", help="A note for yourself.")
@click.option(
    "--ordering",
    type=click.Choice(["none", "account"]),
    default="none",
    show_default=True,
    help="With `account` the messages about an account keep their order.",
)
@click.option("--key", help="Your own idempotency key: the same key never makes a second endpoint.")
@pass_client
def add(
    client: Client, *, address: str, types: tuple[str, ...], description: str | None, ordering: str, key: str | None
) -> Document:
    """Have your events sent to URL from now on. The secret of the endpoint is shown only once."""
    body = {"url": address, "event_types": list(types) or None, "description": description, "ordering": ordering}
    made: Document = client.place("/webhook-endpoints", body, f"webhook endpoint {address}", key)
    return _with_secret(client, made, "Webhook endpoint added")


@webhooks.command(examples=["webhooks rotate bank-events"])
@click.argument("endpoint")
@pass_client
def rotate(client: Client, endpoint: str) -> Document:
    """Give an endpoint a new secret. Messages have two signatures, of the new and the old one, for 24 hours."""
    found = references.webhook_endpoint(client.session, endpoint)
    path = f"/webhook-endpoints/{found['id']}/rotate-secret"
    return _with_secret(client, client.place(path, {}, f"new secret of {found['url']}"), "New secret")


@webhooks.command(examples=["webhooks remove bank-events", "webhooks remove bank-events --yes"])
@click.argument("endpoint")
@click.confirmation_option(prompt="Its deliveries are deleted, too. Remove the endpoint?")
@pass_client
def remove(client: Client, endpoint: str) -> Document:
    """Delete an endpoint and its deliveries."""
    found: Document = references.webhook_endpoint(client.session, endpoint)
    client.session.change("DELETE", f"/webhook-endpoints/{found['id']}")
    return client.out.done(f"The endpoint {found['url']} is removed.", found)


@webhooks.command("test", examples=["webhooks test bank-events"])
@click.argument("endpoint")
@pass_client
def test(client: Client, endpoint: str) -> Document:
    """Have the bank send a test message to an endpoint, and wait for the outcome."""
    found = references.webhook_endpoint(client.session, endpoint)
    path = f"/webhook-endpoints/{found['id']}"
    made: Document = client.place(f"{path}/test", {}, f"test of {found['url']}")
    until = time.monotonic() + TEST_SECONDS
    while made["status"] == "pending" and time.monotonic() < until:
        time.sleep(TEST_PAUSE_SECONDS)
        page = client.session.page(f"{path}/deliveries", limit=20)["items"]
        made = next((delivery for delivery in page if delivery["id"] == made["id"]), made)
    client.out.item(made)
    if made["status"] != "delivered":
        raise NotConfirmed("The endpoint has not confirmed the message.")
    return made


def _forwarder(client: Client, url: str, secret: str | None, *, any_host: bool) -> Forwarder:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise click.UsageError("--forward-to takes a URL like http://127.0.0.1:8080/hook.")
    if not any_host and not messages.is_local(url):
        raise click.UsageError(f"{url} is not on this machine. If you mean it, add --any-host.")
    if secret is None:
        secret = messages.new_secret()
        client.out.line(f"The secret of the signatures: {secret}", {"secret": secret}, "bold")
        client.out.note(f"Set {SECRET_VARIABLE} to use the same secret again.")
    return Forwarder(url, secret)


def _show(client: Client, type: str, position: int | None, message: Message, answer: Answer) -> Document:
    shown = {"type": type, "position": position, "webhook_id": message.id, "status_code": answer.status}
    shown |= {"latency_ms": answer.latency_ms, "error": answer.error}
    outcome = str(answer.status) if answer.status is not None else f"no answer: {answer.error}"
    words = [] if position is None else [str(position)]
    text = "  ".join([*words, type, outcome, f"{answer.latency_ms} ms", message.id])
    client.out.line(text, shown, "green" if answer.is_success else "red")
    return shown


def _with_secret(client: Client, made: Document, title: str) -> Document:
    client.out.item(made, title=title)
    if made["secret"] is None:
        client.out.note("The secret was in an earlier answer and is not shown again: `webhooks rotate`.", "yellow")
    else:
        client.out.note("Store the secret now: it is not shown again.", "yellow")
    return made
