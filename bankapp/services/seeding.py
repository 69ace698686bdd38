"""Demo data: the story of some customers, told through the same services that the API calls.

All of it is one transaction, so it is there completely or not at all, and a second telling can see
that from the first user alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from bankapp import clock, context, db, ids
from bankapp.context import Context, User
from bankapp.models import UserRecord
from bankapp.repositories import users
from bankapp.services import account_holders, accounts, audit, cards, transactions, transfers
from bankapp.services import seed_story as told
from bankapp.services.identity import auth, passwords
from bankapp.services.seed_story import Step, Story
from bankapp.services.transfers import Order

DOMAIN: Final = "example.com"
CUSTOMER_EMAIL, NEIGHBOUR_EMAIL = (f"{person.email}@{DOMAIN}" for person in told.PEOPLE[:2])
EMPLOYEES: Final = {role: f"{role}@{DOMAIN}" for role in (context.STAFF, context.ADMIN)}
PASSWORD: Final = "violet-otter-sings-17"  # noqa: S105 - the demo's, printed for everybody
DEVICE: Final = "flask seed"

Track = Callable[[list[Step]], Iterable[Step]]


@dataclass(slots=True)
class _Cast:
    """Who and what the steps' numbers stand for, as far as the story is told."""

    password_hash: str
    staff: User
    people: list[User] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)


def is_seeded() -> bool:
    """Tell whether the demo data is there."""
    return users.by_email(CUSTOMER_EMAIL) is not None


def has_password(password: str) -> bool:
    """Tell whether the demo customer signs in with ``password``."""
    user = users.by_email(CUSTOMER_EMAIL)
    return user is not None and passwords.matches(password, user.hashed_password)


def seed(story: Story, *, password: str, chance: random.Random, track: Track) -> None:
    """Store what ``story`` tells, with the times it tells; everybody's password is ``password``.

    Ids and numbers are drawn from ``chance``; ``track`` passes the steps through, to show the
    progress. Raises EmailTaken when one of the people is there already.
    """
    password_hash = passwords.hashed(password)

    def tell() -> None:
        with clock.at(story.steps[0].moment):
            staff, _ = [_user(auth.create_user(email, password_hash, role)) for role, email in EMPLOYEES.items()]
        cast = _Cast(password_hash, staff)
        for step in track(story.steps):
            with clock.at(step.moment):
                _do(step, story, cast)

    with ids.drawn_from(chance, clock.now):
        db.run(tell)


def _user(row: UserRecord) -> User:
    return User(row.id, row.role, session_id="", jti="")


@contextmanager
def _acting(user: User | None) -> Iterator[None]:
    context.begin(Context(device_id=DEVICE, user=user))
    try:
        yield
    finally:
        context.clear()


def _do(step: Step, story: Story, cast: _Cast) -> None:
    match step:
        case told.Join():
            with _acting(None):
                cast.people.append(_join(story.people[step.person], cast.password_hash))
        case told.Open():
            with _acting(cast.people[step.person]):
                cast.accounts.append(accounts.open(step.type, step.currency).id)
        case told.Freeze():
            with _acting(cast.staff):
                accounts.freeze(cast.accounts[step.account])
        case told.Move() | told.Send() | told.Issue():
            person, currency = story.accounts[step.account]
            with _acting(cast.people[person]):
                _use(step, currency, cast)


def _use(step: told.Move | told.Send | told.Issue, currency: str, cast: _Cast) -> None:
    account_id = cast.accounts[step.account]
    match step:
        case told.Move():
            transactions.create(account_id, step.type, step.amount, currency, description=step.text)
        case told.Send():
            target_id = cast.accounts[step.target]
            transfers.create(Order(account_id, step.amount, currency, target_id, description=step.text))
        case told.Issue():
            card = cards.issue(account_id, step.type).card
            if step.blocked:
                cards.block(card.id)


def _join(person: told.Person, password_hash: str) -> User:
    user = auth.create_user(f"{person.email}@{DOMAIN}", password_hash, context.CUSTOMER)
    account_holders.add(user.id, person.first_name, person.last_name, person.dob)
    audit.record("signup", user_id=user.id)
    return _user(user)
