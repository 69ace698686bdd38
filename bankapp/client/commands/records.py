"""Commands that show history, statements and the audit log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import httpx

from bankapp.client import files, references
from bankapp.client.app import Command
from bankapp.client.client import Client, pass_client
from bankapp.client.options import list_options
from bankapp.client.output import Document

TYPES = ("deposit", "withdrawal", "transfer_in", "transfer_out", "card_purchase")
FORMATS = ("json", "csv", "pdf", "ofx", "camt053", "mt940")
BINARY = ("pdf",)


@click.command(
    cls=Command,
    examples=[
        "history",
        "history 5330117 --type deposit --from 2026-11-01",
        "history 5330117 --min 100 --all --json",
        "history --search 'rent novem' --category rent",
    ],
)
@click.argument("account", required=False)
@click.option("--type", "kind", type=click.Choice(TYPES))
@click.option("--from", "start", metavar="DAY|TIME", help="From this day (UTC) or RFC 3339 time on.")
@click.option("--to", "end", metavar="DAY|TIME", help="Up to the end of this day (UTC), or up to this time.")
@click.option("--min", "lowest", metavar="AMOUNT", help="The lowest amount; needs an account.")
@click.option("--max", "highest", metavar="AMOUNT", help="The highest amount; needs an account.")
@click.option("--search", metavar="WORDS", help="Words of the texts and of your notes; also their beginnings.")
@click.option("--category", metavar="WORD", help="The category, by annotation, rule or default.")
@click.option("--tag", metavar="TAG", help="A tag of your annotation.")
@click.option("--counterparty", metavar="NAME", help="The whole name of the other side.")
@list_options
@pass_client
def history(
    client: Client,
    *,
    account: str | None,
    kind: str | None,
    start: str | None,
    end: str | None,
    lowest: str | None,
    highest: str | None,
    search: str | None,
    category: str | None,
    tag: str | None,
    counterparty: str | None,
    limit: int | None,
    cursor: str | None,
) -> Document:
    """List the transactions of one account or of all, newest first."""
    query: dict[str, Any] = {"type": kind, "from": _moment(start, "00:00:00"), "to": _moment(end, "23:59:59.999999")}
    query |= {"q": search, "category": category, "tag": tag, "counterparty": counterparty}
    if account:
        found = references.account(client.session, account)
        query["account_id"] = found["id"]
        for name, text in (("min_amount", lowest), ("max_amount", highest)):
            query[name] = text and client.currencies.minor(text, found["currency"])
    elif lowest or highest:
        raise click.UsageError("--min and --max need an account, because amounts need a currency.")
    page = client.session.page("/transactions", limit, cursor, **query)
    columns = ["created_at", "type", "amount", "balance_after", "counterparty", "description", "reference", "id"]
    return client.out.table(page, columns, client.currencies, "No transactions.")


@click.command(
    cls=Command,
    examples=[
        "statement 5330117",
        "statement 5330117 --from 2026-11-01 --to 2026-11-30 --format pdf --output .",
        "statement 5330117 --format csv > november.csv",
    ],
)
@click.argument("account")
@click.option("--from", "start", metavar="YYYY-MM-DD", help="First day (UTC). [default: the first of this month]")
@click.option("--to", "end", metavar="YYYY-MM-DD", help="Last day (UTC), inclusive. [default: today]")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="The file format. [default: a table]")
@click.option(
    "--output",
    type=click.Path(path_type=Path, writable=True),
    help="A file or a folder. In a folder the bank's file name is used.",
)
@pass_client
def statement(
    client: Client, *, account: str, start: str | None, end: str | None, kind: str | None, output: Path | None
) -> Document:
    """Get an account's statement: opening balance + entries = closing balance."""
    found = references.account(client.session, account)
    path = f"/statements/{found['id']}"
    query = {"from": start, "to": end, "format": kind or "json"}
    if kind is None and output is None:
        return _show(client, client.session.get(path, **query))
    if output is None and kind in BINARY and sys.stdout.isatty():
        raise click.UsageError(f"A terminal cannot show {kind} files: use --output.")
    response = client.session.read(path, query)
    if output is None:
        sys.stdout.buffer.write(response.content)
        sys.stdout.flush()
        return {"bytes": len(response.content)}
    file = output / _file_name(response, found, kind or "json") if output.is_dir() else output
    _save(file, response.content)
    made = {"file": str(file), "bytes": len(response.content), "format": kind or "json"}
    return client.out.done(f"{file}: {len(response.content):,} bytes", made)


def _save(file: Path, content: bytes) -> None:
    try:
        if file.exists() and not file.is_file():
            # Write into a device or pipe. Only a regular file may be replaced.
            file.write_bytes(content)
        else:
            files.write_bytes(file.resolve(), content)
    except OSError as problem:
        raise click.FileError(str(file), problem.strerror) from None


def _show(client: Client, found: dict[str, Any]) -> Document:
    if client.out.as_json or client.out.silent:
        return client.out.item(found)
    account = found["account"]
    amounts = {name: value for name, value in found.items() if isinstance(value, int)}
    summary = {"account": account["number"], "from": found["from"], "to": found["to"], "currency": account["currency"]}
    client.out.item(summary | amounts, client.currencies, f"Statement for {account['holder_name']}")
    columns = ["created_at", "type", "amount", "balance_after", "counterparty", "description", "reference"]
    entries = [{"currency": account["currency"]} | entry for entry in found["entries"]]
    client.out.table({"items": entries}, columns, client.currencies, "No entries in this period.")
    return found


def _file_name(response: httpx.Response, account: dict[str, Any], kind: str) -> str:
    _, found, name = response.headers.get("Content-Disposition", "").partition('filename="')
    # Only the last part of the name counts: the bank must not choose the folder.
    plain = Path(name.rstrip('"')).name
    return plain if found and plain.strip(".") else f"{account['number']}.{kind}"


@click.command(cls=Command, examples=["audit", "audit --type transfer --from 2026-11-01 --all --json"])
@click.option("--type", "kind", metavar="EVENT", help="login, transfer, card_issue, account_change …")
@click.option("--from", "start", metavar="DAY|TIME", help="From this day (UTC) or RFC 3339 time on.")
@click.option("--to", "end", metavar="DAY|TIME", help="Up to the end of this day (UTC), or this time.")
@click.option("--user", metavar="ID", help="Rows of this user (admin).")
@list_options
@pass_client
def audit(
    client: Client,
    *,
    kind: str | None,
    start: str | None,
    end: str | None,
    user: str | None,
    limit: int | None,
    cursor: str | None,
) -> Document:
    """List the audit log: what was done in your name, its outcome, address and device."""
    query = {
        "event_type": kind,
        "from": _moment(start, "00:00:00"),
        "to": _moment(end, "23:59:59.999999"),
        "user_id": user,
    }
    page = client.session.page("/audit-logs", limit, cursor, **query)
    return client.out.table(page, ["created_at", "event_type", "status", "resource_id", "ip_address", "device_id"])


def _moment(text: str | None, time: str) -> str | None:
    """Complete a day with ``time``. Return a text that already has a time unchanged."""
    return f"{text}T{time}Z" if text and len(text) == len("2026-11-24") else text
