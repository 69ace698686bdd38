"""Commands for spending and cash flow, and for the rules that give transactions a category."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import click

from bankapp.client import references
from bankapp.client.app import Group
from bankapp.client.client import Client, pass_client
from bankapp.client.commands.records import TYPES
from bankapp.client.options import list_options
from bankapp.client.output import Document

COLUMNS = ("position", "category", "words", "counterparty", "type", "min_amount", "max_amount", "id")


@click.group(cls=Group)
def insights() -> None:
    """Add up what you spent and received, in one currency."""


@insights.command("spending", examples=["insights spending", "insights spending --by counterparty --from 2026-11-01"])
@click.option("--from", "start", metavar="YYYY-MM-DD", help="First day (UTC). [default: the first of this month]")
@click.option("--to", "end", metavar="YYYY-MM-DD", help="Last day (UTC), inclusive. [default: today]")
@click.option("--currency", default="EUR", show_default=True)
@click.option(
    "--by",
    "group",
    type=click.Choice(["category", "month", "counterparty", "account"]),
    default="category",
    show_default=True,
)
@pass_client
def spending(client: Client, *, start: str | None, end: str | None, currency: str, group: str) -> Document:
    """Add up what you spent, without transfers between your accounts."""
    return _report(client, "spending", _query(start, end, currency, group), ("key", "amount", "count"))


@insights.command("cash-flow", examples=["insights cash-flow --from 2026-01-01", "insights cash-flow --by account"])
@click.option("--from", "start", metavar="YYYY-MM-DD", help="First day (UTC). [default: the first of this month]")
@click.option("--to", "end", metavar="YYYY-MM-DD", help="Last day (UTC), inclusive. [default: today]")
@click.option("--currency", default="EUR", show_default=True)
@click.option("--by", "group", type=click.Choice(["month", "account"]), default="month", show_default=True)
@pass_client
def cash_flow(client: Client, *, start: str | None, end: str | None, currency: str, group: str) -> Document:
    """Add up what came in and went out, without transfers between your accounts."""
    return _report(client, "cash-flow", _query(start, end, currency, group), ("key", "credits", "debits", "net"))


def _query(start: str | None, end: str | None, currency: str, group: str) -> dict[str, str]:
    today = datetime.now(UTC).date()
    try:
        last = date.fromisoformat(end) if end else today
    except ValueError:
        raise click.UsageError(f"{end} is no date like 2026-11-24.") from None
    first = start or last.replace(day=1).isoformat()
    return {"from": first, "to": last.isoformat(), "currency": currency, "group_by": group}


def _report(client: Client, name: str, query: dict[str, str], columns: tuple[str, ...]) -> Document:
    found: dict[str, Any] = client.session.get(f"/insights/{name}", **query)
    if client.out.as_json or client.out.silent:
        return client.out.item(found)
    client.out.item({name: value for name, value in found.items() if name != "items"}, client.currencies)
    items = [{"currency": found["currency"]} | item for item in found["items"]]
    client.out.table({"items": items}, columns, client.currencies, "Nothing in this time.")
    return found


@click.group(cls=Group)
def rules() -> None:
    """Make rules that give your transactions a category.

    Name a rule by its id, or a unique beginning or end of it.
    """


@rules.command("list", examples=["rules list"])
@list_options
@pass_client
def list_(client: Client, limit: int | None, cursor: str | None) -> Document:
    """List your rules."""
    page = client.session.page("/category-rules", limit, cursor)
    return client.out.table(page, COLUMNS, empty="You have no rule: `rules add`.")


@rules.command(
    "add",
    examples=["rules add eating_out --words cafe", "rules add leisure --counterparty 'Corner Bookshop' --preview"],
)
@click.argument("category")
@click.option("--words", help="Words that description, reference, counterparty or your notes have.")
@click.option("--counterparty", metavar="NAME", help="The whole name of the other side.")
@click.option("--type", "kind", type=click.Choice(TYPES))
@click.option("--position", type=click.IntRange(1, 1_000), help="The lowest applies first. [default: last]")
@click.option("--preview", is_flag=True, help="Show what the rule would change, and make nothing.")
@pass_client
def add(
    client: Client,
    *,
    category: str,
    words: str | None,
    counterparty: str | None,
    kind: str | None,
    position: int | None,
    preview: bool,
) -> Document:
    """Make a rule. A transaction must meet all its conditions."""
    body: dict[str, Any] = {"category": category, "words": words, "counterparty": counterparty, "type": kind}
    body |= {"position": position} if position else {}
    if not preview:
        made = client.place("/category-rules", body, f"rule for {category}")
        return client.out.item(made, title="Rule made")
    found: dict[str, Any] = client.session.change("POST", "/category-rules/preview", body)
    if client.out.as_json or client.out.silent:
        return client.out.item(found)
    items = [item["transaction"] | {"category": item["category"]} for item in found["items"]]
    columns = ("created_at", "type", "amount", "counterparty", "description", "category", "id")
    client.out.table({"items": items}, columns, client.currencies, "The rule changes nothing.")
    client.out.note(f"{found['count']} transactions since {found['from']} would change.")
    return found


@rules.command("remove", examples=["rules remove 5b2c"])
@click.argument("rule")
@pass_client
def remove(client: Client, rule: str) -> Document:
    """Remove a rule. Its transactions get the category of the next rule, or the default."""
    found = references.category_rule(client.session, rule)
    client.session.change("DELETE", f"/category-rules/{found['id']}")
    return client.out.done(f"The rule for {found['category']} is removed.", found)
