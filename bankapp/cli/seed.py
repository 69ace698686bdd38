"""``flask seed``: fills an empty bank with demo data."""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Final

import click
from flask.cli import with_appcontext

from bankapp import clock, context, db, errors
from bankapp.logging import events
from bankapp.services import seed_story, seeding
from bankapp.services.seed_story import Capture, Join, Move, Return, Send, Step, Story

LONG_STEPS: Final = 2_000
"""The number of steps from which a progress bar is shown."""


@click.command("seed")
@click.option("--customers", type=click.IntRange(1, 500), default=6, show_default=True)
@click.option("--months", type=click.IntRange(1, 60), default=6, show_default=True, help="Length of the history.")
@click.option("--random-seed", type=int, default=1, show_default=True, help="The same seed gives the same data.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="The history ends before this day (UTC).  [default: today]"
)
@click.option("--force", is_flag=True, help="Seed in production, too, with a random password.")
@with_appcontext
def command(customers: int, months: int, random_seed: int, until: datetime | None, force: bool) -> None:
    """Fill an empty bank with customers and some months of history. A second run changes nothing."""
    production = context.config().is_production
    if production and not force:
        raise click.ClickException("this is production, which should have no demo users; use --force to seed anyway")
    if refusal := db.table_refusal():
        raise click.ClickException(refusal)
    if seeding.is_seeded():
        click.echo("The demo data exists already; nothing changed.")
        _print_login(seeding.PASSWORD if seeding.has_password(seeding.PASSWORD) else None)
        return
    today = clock.now().date()
    last = until.date() if until else today
    if last > today:
        raise click.BadParameter("must not lie in the future", param_hint="--until")
    password = secrets.token_urlsafe(15) if production else seeding.PASSWORD
    chance = random.Random(random_seed)
    story = seed_story.tell(customers=customers, months=months, until=last, chance=chance)
    with _quiet():
        try:
            seeding.seed(story, password=password, chance=chance, track=_track)
        except errors.EmailTaken as taken:
            raise click.ClickException(f"a demo user exists already; nothing changed ({taken})") from taken
    _print_summary(story, months, last)
    _print_login(password)


def _track(steps: list[Step]) -> Iterable[Step]:
    with click.progressbar(steps, label="Seeding", hidden=len(steps) < LONG_STEPS) as shown:
        yield from shown


@contextmanager
def _quiet() -> Iterator[None]:
    # Without the log line of each business event, which would hide the progress bar.
    before = events.level
    events.setLevel(logging.WARNING)
    try:
        yield
    finally:
        events.setLevel(before)


def _print_summary(story: Story, months: int, until: date) -> None:
    people = sum(isinstance(step, Join) for step in story.steps)
    movements = sum(isinstance(step, (Move, Send, Return, Capture)) for step in story.steps)
    click.echo(
        f"Seeded {people} customers with {len(story.accounts)} accounts and {movements} movements"
        f" in the {months} months before {until}."
    )


def _print_login(password: str | None) -> None:
    shown = password or "(the password that was printed by the first run)"
    click.echo(f"login    {seeding.CUSTOMER_EMAIL}  {shown}")
    click.echo(f"         {', '.join(seeding.EMPLOYEES.values())} have the same password")
