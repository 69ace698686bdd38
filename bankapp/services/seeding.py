"""Demo data: stores the story of some customers through the same services that the API calls.

The whole story is one transaction. If its first user exists, all of the demo data exists.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from bankapp import clock, context, db, ids
from bankapp.context import Context, User
from bankapp.listing import HistoryFilter, Window
from bankapp.models import AccountRecord, UserRecord
from bankapp.repositories import users
from bankapp.services import (
    account_holders,
    accounts,
    audit,
    authorizations,
    cards,
    category_rules,
    payees,
    seed_story,
    transaction_annotations,
    transactions,
    transfers,
)
from bankapp.services.identity import auth, passwords
from bankapp.services.seed_story import Step, Story
from bankapp.services.transfers import Order

DOMAIN: Final = "example.com"
CUSTOMER_EMAIL, NEIGHBOUR_EMAIL = (f"{person.email}@{DOMAIN}" for person in seed_story.PEOPLE[:2])
EMPLOYEES: Final = {role: f"{role}@{DOMAIN}" for role in (context.STAFF, context.ADMIN)}
PASSWORD: Final = "violet-otter-sings-17"  # noqa: S105 - of the demo users, and printed by `flask seed`
DEVICE: Final = "flask seed"

ByCustomer = (
    seed_story.Move | seed_story.Send | seed_story.Pay | seed_story.Capture | seed_story.Issue | seed_story.Sort
)
Track = Callable[[list[Step]], Iterable[Step]]


@dataclass(slots=True)
class _Cast:
    """What was stored so far, by its number in the story."""

    password_hash: str
    staff: User
    people: list[User] = field(default_factory=list)
    accounts: list[AccountRecord] = field(default_factory=list)
    # The virtual card in use by account, the authorization by payment, the last transfer by payer and payee.
    cards: dict[int, str] = field(default_factory=dict)
    authorizations: dict[int, str] = field(default_factory=dict)
    transfers: dict[tuple[int, int], str] = field(default_factory=dict)


def is_seeded() -> bool:
    """Tell whether the demo data is stored."""
    return users.by_email(CUSTOMER_EMAIL) is not None


def has_password(password: str) -> bool:
    """Tell whether the demo customer signs in with ``password``."""
    user = users.by_email(CUSTOMER_EMAIL)
    return user is not None and passwords.matches(password, user.hashed_password)


def seed(story: Story, *, password: str, chance: random.Random, track: Track) -> None:
    """Store ``story`` at the times of its steps; every user gets ``password``.

    Ids and numbers are drawn from ``chance``. ``track`` yields the steps that it gets, and shows the progress.
    Raises EmailTaken when a user of the story already exists.
    """
    password_hash = passwords.hashed(password)

    def store() -> None:
        with clock.at(story.steps[0].moment):
            staff, _ = [_user(auth.create_user(email, password_hash, role)) for role, email in EMPLOYEES.items()]
        cast = _Cast(password_hash, staff)
        for step in track(story.steps):
            with clock.at(step.moment):
                _store(step, story, cast)

    with ids.drawn_from(chance, clock.now):
        db.run(store)


def _user(row: UserRecord) -> User:
    return User(row.id, row.role, session_id="", jti="")


@contextmanager
def _acting_as(user: User | None) -> Iterator[None]:
    context.begin(Context(device_id=DEVICE, user=user))
    try:
        yield
    finally:
        context.clear()


def _store(step: Step, story: Story, cast: _Cast) -> None:
    match step:
        case seed_story.Join():
            with _acting_as(None):
                cast.people.append(_join(story.people[step.person], cast.password_hash))
        case seed_story.Open():
            with _acting_as(cast.people[step.person]):
                cast.accounts.append(accounts.open(step.type, step.currency))
        case seed_story.Freeze():
            with _acting_as(cast.staff):
                accounts.freeze(cast.accounts[step.account].id)
        case seed_story.Return():
            with _acting_as(cast.staff):
                transfers.reverse(cast.transfers[step.account, step.target])
        case seed_story.Save():
            person, _ = story.accounts[step.account]
            other, _ = story.accounts[step.target]
            with _acting_as(cast.people[person]):
                payee = story.people[other]
                number = cast.accounts[step.target].number
                payees.create(f"{payee.first_name} {payee.last_name}", number, step.nickname)
        case _:
            assert isinstance(step, ByCustomer)
            person, currency = story.accounts[step.account]
            with _acting_as(cast.people[person]):
                _store_by_customer(step, currency, cast)


def _store_by_customer(step: ByCustomer, currency: str, cast: _Cast) -> None:
    account_id = cast.accounts[step.account].id
    match step:
        case seed_story.Move():
            transactions.create(account_id, step.type, step.amount, currency, description=step.text)
        case seed_story.Send():
            target_id = cast.accounts[step.target].id
            order = Order(account_id, step.amount, currency, target_id, description=step.text, reference=step.reference)
            cast.transfers[step.account, step.target] = transfers.create(order).id
            if step.note is not None:
                _annotate(account_id, step.note)
        case seed_story.Pay():
            hold = authorizations.create(cast.cards[step.account], step.amount, currency, step.merchant)
            cast.authorizations[step.payment] = hold.id
        case seed_story.Capture():
            authorizations.capture(cast.authorizations[step.payment], None)
        case seed_story.Sort():
            category_rules.create({"category": step.category, "counterparty": step.merchant})
        case seed_story.Issue():
            card = cards.issue(account_id, step.type).card
            if step.blocked:
                cards.block(card.id)
            elif step.type == "virtual":
                cast.cards[step.account] = card.id


def _annotate(account_id: str, note: seed_story.Note) -> None:
    [newest] = transactions.search(account_id, HistoryFilter(), Window(1)).items
    content = {"category": note.category, "notes": note.notes, "tags": list(note.tags)}
    transaction_annotations.replace(newest.id, None, content)


def _join(person: seed_story.Person, password_hash: str) -> User:
    user = auth.create_user(f"{person.email}@{DOMAIN}", password_hash, context.CUSTOMER)
    account_holders.add(user.id, person.first_name, person.last_name, person.dob)
    audit.record("signup", user_id=user.id)
    return _user(user)
