"""Whom a parked request waits for, and when it is served again."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import Any

import pytest

from bankapp.api.parking import Park
from bankapp.serving.parking import ParkedRequests
from config import ROOT
from tests.support.factories import Bank
from tests.support.streams import number

ALL = Park(None, 25)

Lot = tuple[ParkedRequests, Callable[[], Any]]


@pytest.fixture
def lot(bank: Bank) -> Iterator[Lot]:
    """Return parked requests, and a function that returns the next due one, or None after a second without news."""
    woken: Queue[None] = Queue()
    parked = ParkedRequests(bank.app, logging.getLogger(), 3, lambda: woken.put(None))

    def next_due() -> Any:
        deadline = time.monotonic() + 1
        while (due := parked.next_due()) is None and time.monotonic() < deadline:
            try:
                woken.get(timeout=0.1)
            except Empty:
                continue
        return due

    yield parked, next_due
    parked.close()
    # The watcher's thread may ask once more, and holds its connection to the database meanwhile.
    time.sleep(0.5)


def add(parked: ParkedRequests, name: str, park: Park, served_at: float | None = None) -> None:
    parked.add(name, park, time.monotonic() if served_at is None else served_at, None)


def settled(lot: Lot, *parks: tuple[str, Park]) -> None:
    """Park requests, and let them be served for the first news, which count for all. Then there is no other news."""
    parked, next_due = lot
    for name, park in parks:
        add(parked, name, park)
    for _ in parks:
        add(parked, due := next_due(), parked.remove(due).park)
    assert next_due() is None


def test_only_those_are_due_who_got_events(bank: Bank, lot: Lot) -> None:
    ada, bob = bank.customer(), bank.customer()
    number(bank.app)
    settled(lot, ("ada", Park(ada.user_id, 25)), ("bob", Park(bob.user_id, 25)))
    parked, next_due = lot
    ada.account()
    number(bank.app)
    assert next_due() == "ada"
    parked.remove("ada")
    assert next_due() is None


def test_the_stream_of_the_bank_is_due_for_every_event(bank: Bank, lot: Lot) -> None:
    ada = bank.customer()
    number(bank.app)
    settled(lot, ("bank", ALL))
    ada.account()
    number(bank.app)
    assert lot[1]() == "bank"


def test_an_event_during_the_serving_makes_a_request_due(bank: Bank, lot: Lot) -> None:
    ada, bob = bank.customer(), bank.customer()
    number(bank.app)
    settled(lot, ("bob", Park(bob.user_id, 25)))
    parked, next_due = lot
    served_at = time.monotonic()
    ada.account()
    number(bank.app)
    # The worker hears of the event while another thread still serves the request.
    assert next_due() is None
    add(parked, "ada", Park(ada.user_id, 25), served_at)
    assert parked.next_due() == "ada"


def test_time_makes_a_request_due(bank: Bank, lot: Lot) -> None:
    ada = bank.customer()
    number(bank.app)
    settled(lot, ("ada", Park(ada.user_id, 25)))
    parked, _ = lot
    parked.add("late", Park(ada.user_id, 0.2), time.monotonic(), None)
    assert parked.seconds_to_next(25) <= 0.2
    time.sleep(0.3)
    assert parked.next_due() == "late"
    wait = parked.remove("late")
    # Its time is over, so it must be answered.
    assert parked.offer(wait, is_stopping=False) is None


@pytest.mark.parametrize(("hard", "fits"), [(2_200, 1_000), (1_500, 300), (500, 0)])
def test_clients_fit_into_the_file_descriptors(hard: int, fits: int) -> None:
    code = (
        "import logging, resource\n"
        "from bankapp.serving.parking import fitting\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (min(400, {hard}), {hard}))\n"
        "print(fitting(1_000, 1_000, logging.getLogger()))\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert ran.stdout.split() == [str(fits), str(hard)]
    assert ("may wait for events" in ran.stderr) == (fits < 1_000)
