"""One run: clients under load, faults one after the other, and the verdict of the checker."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.databases import application, settings
from tests.support.factories import Bank
from tests.support.postgres import PostgresServer
from tests.support.servers import RemoteBank
from torture import world as worlds
from torture.checker import Verdict, check
from torture.clients import Client
from torture.faults.base import Fault
from torture.history import INFO, OK, Entry, History, Strike, read
from torture.operations import CURRENCY, Customer, Generator, Targets
from torture.settling import observe_settled, settle
from torture.world import World

ACCOUNTS_EACH: Final = 3
WARM_UP_SECONDS: Final = 1.5
QUIET_SECONDS: Final = 1.5
RECOVERY_SECONDS: Final = 60
TRIES: Final = 3
"""A stroke that shows no effect is struck again, so many times in all."""


@dataclass(frozen=True)
class Plan:
    """What to run. ``rounds`` is how often each fault strikes at least; ``seconds`` of load pass in any case."""

    database: str
    seed: int
    seconds: float
    faults: Sequence[type[Fault]] = ()
    rounds: int = 1
    clients: int = 8
    target: str = "wsgi:app"
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Result:
    """What came of a run."""

    plan: Plan
    entries: list[Entry]
    strikes: list[Strike]
    verdict: Verdict
    seconds: float


def run(plan: Plan, folder: Path, postgres: PostgresServer | None = None) -> Result:
    """Run a plan on a new database; history, observation and the server's log stay in ``folder``."""
    began = time.monotonic()
    rng = random.Random(f"{plan.seed} {plan.database}")
    path = folder / "history.jsonl"
    with worlds.running(
        plan.database, folder, rng, faults=plan.faults, postgres=postgres, target=plan.target, environ=plan.environ
    ) as world:
        with History(path) as history:
            admin, clients = _people(plan, world, history)
            asked = _load(plan, world, history, clients)
            settle(clients)
        observation = observe_settled(world, admin)
    observation.write(folder / "observation.json")
    with path.open(encoding="utf-8") as lines:
        entries, strikes = read(lines)
    gaps = missing(strikes, asked)
    gaps += [f"a client ended: {client.problem}" for client in clients if client.problem]
    verdict = check(entries, observation, gaps)
    return Result(plan, entries, strikes, verdict, time.monotonic() - began)


def missing(strikes: Sequence[Strike], asked: dict[str, int]) -> list[str]:
    """Return a gap for each fault that was effective less often than was asked for."""
    gaps = []
    for fault, count in asked.items():
        effective = sum(strike.is_effective for strike in strikes if strike.fault == fault)
        if effective < count:
            gaps.append(f"{fault} was effective {effective} times of {count}")
    return gaps


def _people(plan: Plan, world: World, history: History) -> tuple[str, list[Client]]:
    """Make customers with accounts and cards; return the e-mail address of an admin and the clients."""
    with application(settings(world.database_url)) as app:
        bank = RemoteBank(app, world.server)
        customers = [_customer(bank) for _ in range(max(2, plan.clients // 2))]
        staff, admin = bank.employee("staff").email, bank.employee("admin").email
    targets = Targets()
    clients = []
    for number in range(plan.clients):
        me = customers[number % len(customers)]
        name = f"{plan.seed}-{number}"
        generator = Generator(f"t-{name}", random.Random(f"operations {name}"), me, customers, targets)
        rng = random.Random(f"client {name}")
        clients.append(Client(world.server.address, history, generator, rng, staff_email=staff))
    return admin, clients


def _customer(bank: Bank) -> Customer:
    caller = bank.customer()
    accounts = [caller.account(CURRENCY) for _ in range(ACCOUNTS_EACH)]
    return Customer(caller.email, [account["id"] for account in accounts], caller.card(accounts[0])["id"])


def _load(plan: Plan, world: World, history: History, clients: list[Client]) -> dict[str, int]:
    """Let the clients send while faults strike in random order; return how often each fault was asked for."""
    stop = threading.Event()
    threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
    end = time.monotonic() + plan.seconds
    asked = dict.fromkeys((fault.name for fault in plan.faults), 0)
    try:
        for thread in threads:
            thread.start()
        time.sleep(WARM_UP_SECONDS)
        rounds = 0
        while plan.faults and (rounds < plan.rounds or time.monotonic() < end):
            for fault in world.rng.sample(list(plan.faults), len(plan.faults)):
                if rounds >= plan.rounds and time.monotonic() >= end:
                    break
                asked[fault.name] += 1
                for _ in range(TRIES):
                    if _strike(fault(), world, history):
                        break
                time.sleep(QUIET_SECONDS)
            rounds += 1
        time.sleep(max(0.0, end - time.monotonic()))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return asked


def _strike(fault: Fault, world: World, history: History) -> bool:
    """Strike once, mend, wait for the first success, and write it down; tell whether the fault was effective."""
    struck = time.monotonic_ns()
    try:
        fault.strike(world)
        time.sleep(fault.lasts_seconds)
    finally:
        mended = time.monotonic_ns()
        fault.mend(world)
    whole = time.monotonic_ns()
    deadline = whole + RECOVERY_SECONDS * 10**9
    while (recovered := history.first_after(OK, whole)) is None and time.monotonic_ns() < deadline:
        time.sleep(0.02)
    # A connection that was cut is noticed a moment later than the next success of another client.
    time.sleep(QUIET_SECONDS / 3)
    unknowns = history.between(INFO, struck, time.monotonic_ns())
    evidence = fault.evidence(world)
    effective = bool(evidence) and recovered is not None and (unknowns > 0 or not fault.shows_unknowns)
    history.strike(Strike(fault.name, struck, mended, recovered, evidence, unknowns, effective))
    return effective
