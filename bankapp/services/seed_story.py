"""The story of the demo data: its customers and their actions, day by day. It uses neither database nor clock."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from bankapp import money

DAYS_A_MONTH: Final = 365.25 / 12
FOREIGN: Final = ("USD", "JPY", "KWD")

# The approximate price of one euro, so that amounts look right in every currency.
_RATES: Final = {"EUR": 1.0, "USD": 1.1, "JPY": 165.0, "KWD": 0.34}


@dataclass(frozen=True, slots=True)
class Words:
    """Descriptions of movements in one language."""

    salary: str
    rent: str
    savings: str
    gift: str
    shopping: tuple[str, ...]


ENGLISH: Final = Words(
    "Salary", "Rent", "Savings", "Thank you!", ("Groceries", "Pharmacy", "Book shop", "Cash machine")
)
GERMAN: Final = Words("Gehalt", "Miete", "Sparen", "Danke schön!", ("Lebensmittel", "Bäckerei", "Apotheke", "Bargeld"))
GREEK: Final = Words("Μισθός", "Ενοίκιο", "Αποταμίευση", "Ευχαριστώ!", ("Σούπερ μάρκετ", "Φούρνος", "Φαρμακείο"))
BULGARIAN: Final = Words("Заплата", "Наем", "Спестявания", "Благодаря!", ("Хранителни стоки", "Пекарна", "Аптека"))


@dataclass(frozen=True, slots=True)
class Person:
    """A customer of the demo; ``email`` is the part before the at sign."""

    first_name: str
    last_name: str
    email: str
    words: Words
    dob: date = date(1990, 12, 10)


PEOPLE: Final = (
    Person("Ada", "Lovelace", "ada", ENGLISH),
    Person("Jürgen", "Weiß", "juergen", GERMAN, date(1968, 3, 2)),
    Person("Ελένη", "Παπαδοπούλου", "eleni", GREEK, date(1984, 7, 21)),
    Person("Георги", "Димитров", "georgi", BULGARIAN, date(1979, 11, 5)),
    Person("Zoë", "O’Connor", "zoe", ENGLISH, date(2001, 1, 30)),
    Person("Νίκος", "Αντωνίου", "nikos", GREEK, date(1995, 5, 17)),
    Person("Мария", "Иванова", "maria", BULGARIAN, date(1992, 9, 9)),
    Person("Łukasz", "Müller-Nowak", "lukasz", GERMAN, date(1987, 2, 28)),
)


@dataclass(frozen=True, slots=True)
class Step:
    """An action at ``moment`` (aware). People and accounts are numbered from 0, in the order of the story."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class Join(Step):
    """A person signs up."""

    person: int


@dataclass(frozen=True, slots=True)
class Open(Step):
    """A person opens the next account."""

    person: int
    type: str
    currency: str


@dataclass(frozen=True, slots=True)
class Move(Step):
    """A deposit or withdrawal of ``amount`` minor units."""

    account: int
    type: str
    amount: int
    text: str


@dataclass(frozen=True, slots=True)
class Send(Step):
    """A transfer of ``amount`` minor units from ``account`` to ``target``."""

    account: int
    target: int
    amount: int
    text: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Issue(Step):
    """A card is issued on an account; with ``blocked`` it is blocked afterwards."""

    account: int
    type: str
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Freeze(Step):
    """Staff freeze an account."""

    account: int


@dataclass(slots=True)
class Story:
    """All people, all accounts as (person, currency), and all steps in the order of time."""

    people: list[Person]
    accounts: list[tuple[int, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def tell(*, customers: int, months: int, until: date, chance: random.Random) -> Story:
    """Return the story of ``customers`` people over the ``months`` before ``until`` (a day in UTC, not included)."""
    story = Story([_person(number) for number in range(customers)])
    days = round(months * DAYS_A_MONTH)
    writer = _Writer(story, until - timedelta(days=days), chance)
    for person in range(customers):
        writer.join(person)
    for day in range(2, days):
        writer.day(day)
    writer.freeze(days - 1)
    # The steps were written person by person.
    story.steps = list(_affordable(sorted(story.steps, key=lambda step: step.moment)))
    return story


def _person(number: int) -> Person:
    round_, index = divmod(number, len(PEOPLE))
    person = PEOPLE[index]
    if not round_:
        return person
    return Person(person.first_name, person.last_name, f"{person.email}{round_ + 1}", person.words, person.dob)


class _Writer:
    """Writes the steps of a story; days are counted from its first day."""

    def __init__(self, story: Story, first_day: date, chance: random.Random) -> None:
        self._story = story
        self._first_day = first_day
        self._chance = chance
        self._checking: list[int] = []
        self._savings: list[int] = []
        self._foreign: list[list[int]] = []

    def join(self, person: int) -> None:
        """Write how a person signs up, opens accounts with deposits, and gets cards, on the first two days."""
        # People sign up 120 seconds apart, so that the first day has room for 500 of them.
        start = self._at(0, 0, within=120) + timedelta(seconds=120 * person)
        self._story.steps.append(Join(start, person))
        self._checking.append(self._open(person, "checking", "EUR", start))
        self._savings.append(self._open(person, "savings", "EUR", start))
        # The first person shows accounts in every currency; every other person has one foreign account.
        currencies = FOREIGN if person == 0 else (FOREIGN[person % len(FOREIGN)],)
        self._foreign.append([self._open(person, "checking", currency, start) for currency in currencies])
        self._story.steps.append(Issue(self._at(1, 9), self._checking[person], "virtual"))
        if person == 0:
            self._story.steps.append(Issue(self._at(1, 9), self._checking[person], "physical"))
            self._story.steps.append(Issue(self._at(1, 10), self._foreign[0][0], "virtual", blocked=True))

    def day(self, day: int) -> None:
        """Write the steps of every person on one day."""
        day_of_month = (self._first_day + timedelta(days=day)).day
        for person in range(len(self._story.people)):
            if day_of_month == 1:
                self._payday(person, day)
            elif day_of_month == 3:
                self._rent(person, day)
            if self._chance.random() < 0.3:
                self._shop(person, self._checking[person], day)
            if self._chance.random() < 0.06:
                self._shop(person, self._chance.choice(self._foreign[person]), day)
            if self._chance.random() < 0.05:
                self._gift(person, day)

    def freeze(self, day: int) -> None:
        """Write how staff freeze the last account that was opened, after all other steps of the day."""
        self._story.steps.append(Freeze(self._at(day, 21), len(self._story.accounts) - 1))

    def _open(self, person: int, type: str, currency: str, moment: datetime) -> int:
        account = len(self._story.accounts)
        self._story.accounts.append((person, currency))
        self._story.steps.append(Open(moment, person, type, currency))
        self._move(account, "deposit", self._at(1, 6), (800, 3_000), self._words(person).savings)
        return account

    def _payday(self, person: int, day: int) -> None:
        words = self._words(person)
        self._move(self._checking[person], "deposit", self._at(day, 6), (2_400, 4_200), words.salary)
        self._send((self._checking[person], self._savings[person]), self._at(day, 9), (100, 500), words.savings)

    def _rent(self, person: int, day: int) -> None:
        landlord = len(self._story.people) - 1
        if person != landlord:
            sides = self._checking[person], self._checking[landlord]
            moment = self._at(day, 8)
            self._send(sides, moment, (650, 1_100), self._words(person).rent, f"RENT-{moment:%Y-%m}")

    def _shop(self, person: int, account: int, day: int) -> None:
        description = self._chance.choice(self._words(person).shopping)
        self._move(account, "withdrawal", self._at(day, 17), (4, 90), description)

    def _gift(self, person: int, day: int) -> None:
        other = self._chance.randrange(len(self._story.people))
        if other != person:
            sides = self._checking[person], self._checking[other]
            self._send(sides, self._at(day, 19), (5, 60), self._words(person).gift)

    def _move(self, account: int, type: str, moment: datetime, euros: tuple[int, int], text: str) -> None:
        self._story.steps.append(Move(moment, account, type, self._amount(account, euros), text))

    def _send(
        self,
        sides: tuple[int, int],
        moment: datetime,
        euros: tuple[int, int],
        text: str,
        reference: str | None = None,
    ) -> None:
        account, target = sides
        self._story.steps.append(Send(moment, account, target, self._amount(account, euros), text, reference))

    def _at(self, day: int, hour: int, within: int = 3_600) -> datetime:
        midnight = datetime.combine(self._first_day + timedelta(days=day), time(), UTC)
        return midnight + timedelta(hours=hour, seconds=self._chance.randrange(within))

    def _amount(self, account: int, euros: tuple[int, int]) -> int:
        currency = self._story.accounts[account][1]
        return round(self._chance.uniform(*euros) * _RATES[currency] * 10.0 ** money.exponent(currency))

    def _words(self, person: int) -> Words:
        return self._story.people[person].words


def _affordable(steps: list[Step]) -> Iterator[Step]:
    """Yield the steps that the balances of their moment cover."""
    balances: dict[int, int] = {}
    for step in steps:
        if isinstance(step, (Move, Send)):
            change = step.amount if isinstance(step, Move) and step.type == "deposit" else -step.amount
            balance = balances.get(step.account, 0) + change
            if balance < 0:
                continue
            balances[step.account] = balance
            if isinstance(step, Send):
                balances[step.target] = balances.get(step.target, 0) + step.amount
        yield step
