"""The story of the demo data: its customers and their actions, day by day. It uses neither database nor clock."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
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
    """Descriptions of movements in one language, and the merchants where its speakers pay, with their categories."""

    salary: str
    takings: str
    rent: str
    savings: str
    gift: str
    cash: str
    merchants: Mapping[str, str]


ENGLISH: Final = Words(
    salary="Salary",
    takings="Takings",
    rent="Rent",
    savings="Savings",
    gift="Thank you!",
    cash="Cash machine",
    merchants={
        "Corner Grocer": "groceries",
        "High Street Pharmacy": "health",
        "Riverside Books": "leisure",
        "Café Analytical": "eating_out",
        "City Transit": "transport",
    },
)
GERMAN: Final = Words(
    salary="Gehalt",
    takings="Einnahmen",
    rent="Miete",
    savings="Sparen",
    gift="Danke schön!",
    cash="Geldautomat",
    merchants={
        "Feinkost Krämer": "groceries",
        "Bäckerei Sonne": "groceries",
        "Stadtapotheke": "health",
        "Gasthaus Linde": "eating_out",
        "Verkehrsbetriebe": "transport",
    },
)
GREEK: Final = Words(
    salary="Μισθός",
    takings="Εισπράξεις",
    rent="Ενοίκιο",
    savings="Αποταμίευση",
    gift="Ευχαριστώ!",
    cash="ATM",
    merchants={
        "Σούπερ μάρκετ Ήλιος": "groceries",
        "Φούρνος Αθηνά": "groceries",
        "Φαρμακείο Υγεία": "health",
        "Ταβέρνα Γλάρος": "eating_out",
    },
)
BULGARIAN: Final = Words(
    salary="Заплата",
    takings="Постъпления",
    rent="Наем",
    savings="Спестявания",
    gift="Благодаря!",
    cash="Банкомат",
    merchants={
        "Хранителни стоки Роза": "groceries",
        "Пекарна Слънце": "groceries",
        "Аптека Здраве": "health",
        "Механа Дъга": "eating_out",
    },
)


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
class Note:
    """What the payer notes about a transfer."""

    category: str
    notes: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Send(Step):
    """A transfer of ``amount`` minor units from ``account`` to ``target``, which its payer annotates with ``note``."""

    account: int
    target: int
    amount: int
    text: str
    reference: str | None = None
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Return(Step):
    """Staff reverse the transfer that was sent last from ``account`` to ``target``, of ``amount`` minor units."""

    account: int
    target: int
    amount: int


@dataclass(frozen=True, slots=True)
class Pay(Step):
    """A merchant holds ``amount`` minor units on ``account`` by its virtual card. Payments are numbered from 0."""

    account: int
    payment: int
    amount: int
    merchant: str


@dataclass(frozen=True, slots=True)
class Capture(Step):
    """The merchant of a payment takes what it holds on ``account``. A payment without this step is pending."""

    account: int
    payment: int


@dataclass(frozen=True, slots=True)
class Save(Step):
    """The owner of ``account`` saves the owner of the account ``target`` as a payee."""

    account: int
    target: int
    nickname: str | None = None


@dataclass(frozen=True, slots=True)
class Sort(Step):
    """The owner of ``account`` makes a rule that gives payments at a merchant a category."""

    account: int
    merchant: str
    category: str


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
    writer = _Writer(story, until - timedelta(days=days), until, chance)
    for person in range(customers):
        writer.join(person)
    writer.save_payees()
    for day in range(2, days):
        writer.day(day)
    writer.last_days(days - 1)
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

    def __init__(self, story: Story, first_day: date, until: date, chance: random.Random) -> None:
        self._story = story
        self._first_day = first_day
        self._until = until
        self._chance = chance
        self._checking: list[int] = []
        self._savings: list[int] = []
        self._foreign: list[list[int]] = []
        self._payments = 0
        people = len(story.people)
        # One person employs all others, and one is their landlord, so that most money comes from another person.
        self._employer = 1 if people > 1 else None
        self._landlord = people - 1

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
        for merchant, category in self._words(person).merchants.items():
            self._story.steps.append(Sort(self._at(1, 11), self._checking[person], merchant, category))
        if person == 0:
            self._story.steps.append(Issue(self._at(1, 9), self._checking[person], "physical"))
            self._story.steps.append(Issue(self._at(1, 10), self._foreign[0][0], "virtual", blocked=True))

    def save_payees(self) -> None:
        """Write how everybody saves the landlord as a payee, and the first person two friends."""
        for person in range(len(self._story.people)):
            if person != self._landlord:
                self._save(person, self._landlord, self._words(person).rent)
        for friend in (1, 2):
            if friend < self._landlord:
                self._save(0, friend)

    def day(self, day: int) -> None:
        """Write the steps of every person on one day."""
        day_of_month = (self._first_day + timedelta(days=day)).day
        if day_of_month == 1 and self._employer is not None:
            self._takings(self._employer, day)
        for person in range(len(self._story.people)):
            if day_of_month == 1:
                self._payday(person, day)
            elif day_of_month == 3:
                self._rent(person, day)
            if self._chance.random() < 0.3:
                self._shop(person, day)
            if self._chance.random() < 0.06:
                self._draw_cash(person, self._chance.choice([self._checking[person], *self._foreign[person]]), day)
            if self._chance.random() < 0.05:
                self._gift(person, day)

    def last_days(self, day: int) -> None:
        """Write what a look at the demo should find: the last day is ``day``.

        A transfer that was sent twice is returned, a card payment is pending, and staff freeze the last account that
        was opened, after all other steps.
        """
        account, friend = self._checking[0], self._checking[self._employer or 0]
        if friend != account:
            tickets = self._amount(account, (40, 60))
            for minute, notes in enumerate((None, "By mistake a second time")):
                moment = self._at(day - 3, 18, within=60) + timedelta(minutes=minute)
                note = Note("leisure", notes, ("concert",))
                self._story.steps.append(Send(moment, account, friend, tickets, "Concert tickets", note=note))
            self._story.steps.append(Return(self._at(day - 2, 10), account, friend, tickets))
        self._pay(account, self._at(day, 12), (15, 40), next(iter(self._words(0).merchants)), captured=False)
        self._story.steps.append(Freeze(self._at(day, 21), len(self._story.accounts) - 1))

    def _save(self, person: int, other: int, nickname: str | None = None) -> None:
        sides = self._checking[person], self._checking[other]
        self._story.steps.append(Save(self._at(1, 10), *sides, nickname))

    def _open(self, person: int, type: str, currency: str, moment: datetime) -> int:
        account = len(self._story.accounts)
        self._story.accounts.append((person, currency))
        self._story.steps.append(Open(moment, person, type, currency))
        self._move(account, "deposit", self._at(1, 6), (800, 3_000), self._words(person).savings)
        return account

    def _takings(self, employer: int, day: int) -> None:
        people = len(self._story.people)
        self._move(
            self._checking[employer],
            "deposit",
            self._at(day, 5),
            (4_200 * people, 4_500 * people),
            self._words(employer).takings,
        )

    def _payday(self, person: int, day: int) -> None:
        words = self._words(person)
        if self._employer is None:
            self._move(self._checking[person], "deposit", self._at(day, 6), (2_400, 4_200), words.salary)
        elif person != self._employer:
            sides = self._checking[self._employer], self._checking[person]
            moment = self._at(day, 6)
            self._send(sides, moment, (2_400, 4_200), words.salary, f"SALARY-{moment:%Y-%m}")
        self._send((self._checking[person], self._savings[person]), self._at(day, 9), (100, 500), words.savings)

    def _rent(self, person: int, day: int) -> None:
        if person != self._landlord:
            sides = self._checking[person], self._checking[self._landlord]
            moment = self._at(day, 8)
            reference = f"RENT-{moment:%Y-%m}"
            self._send(sides, moment, (650, 1_100), self._words(person).rent, reference, note=Note("rent"))

    def _shop(self, person: int, day: int) -> None:
        merchant = self._chance.choice(tuple(self._words(person).merchants))
        self._pay(self._checking[person], self._at(day, 11, within=28_800), (4, 90), merchant)

    def _pay(
        self, account: int, moment: datetime, euros: tuple[int, int], merchant: str, *, captured: bool = True
    ) -> None:
        payment, self._payments = self._payments, self._payments + 1
        self._story.steps.append(Pay(moment, account, payment, self._amount(account, euros), merchant))
        # Merchants send what was paid in the following night.
        night = datetime.combine(moment.date() + timedelta(days=1), time(3), UTC)
        if captured and night.date() < self._until:
            seconds = self._chance.randrange(3_600)
            self._story.steps.append(Capture(night + timedelta(seconds=seconds), account, payment))

    def _draw_cash(self, person: int, account: int, day: int) -> None:
        self._move(account, "withdrawal", self._at(day, 17), (20, 90), self._words(person).cash)

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
        *,
        note: Note | None = None,
    ) -> None:
        account, target = sides
        self._story.steps.append(Send(moment, account, target, self._amount(account, euros), text, reference, note))

    def _at(self, day: int, hour: int, within: int = 3_600) -> datetime:
        midnight = datetime.combine(self._first_day + timedelta(days=day), time(), UTC)
        return midnight + timedelta(hours=hour, seconds=self._chance.randrange(within))

    def _amount(self, account: int, euros: tuple[int, int]) -> int:
        currency = self._story.accounts[account][1]
        return round(self._chance.uniform(*euros) * _RATES[currency] * 10.0 ** money.exponent(currency))

    def _words(self, person: int) -> Words:
        return self._story.people[person].words


def _affordable(steps: list[Step]) -> Iterator[Step]:
    """Yield the steps that the balances of their moment cover, without those that follow from one that is left out."""
    balances: dict[int, int] = defaultdict(int)
    paid: set[int] = set()
    sent: dict[tuple[int, int], int] = {}
    for step in steps:
        payer, receiver, amount = _money_of(step)
        if payer is not None and balances[payer] < amount:
            continue
        match step:
            case Capture(payment=payment) if payment not in paid:
                continue
            case Return(account=account, target=target) if sent.get((account, target)) != amount:
                continue
            case Pay():
                paid.add(step.payment)
            case Send():
                sent[step.account, step.target] = amount
        if payer is not None:
            balances[payer] -= amount
        if receiver is not None:
            balances[receiver] += amount
        yield step


def _money_of(step: Step) -> tuple[int | None, int | None, int]:
    """Return the account that a step takes from, the account that it gives to, and the amount in minor units.

    A payment takes at once, because its hold lowers the available balance.
    """
    match step:
        case Move(type="deposit"):
            return None, step.account, step.amount
        case Move() | Pay():
            return step.account, None, step.amount
        case Send():
            return step.account, step.target, step.amount
        case Return():
            return step.target, step.account, step.amount
    return None, None, 0
