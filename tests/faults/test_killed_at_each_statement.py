"""A worker killed with SIGKILL before or after any statement or COMMIT of a command: the money moves exactly once.

``STEPS`` lists what each request runs on each database, so a point that is no longer reached fails a test.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pytest
from werkzeug.test import TestResponse

from tests.support.books import faults
from tests.support.databases import SECRET, application, settings
from tests.support.factories import Bank, Caller, ok
from tests.support.failpoints import HEADER, LEASE, TARGET
from tests.support.raw_sql import RawSql, make_pending_rows_older
from tests.support.servers import GunicornServer, HttpClient

Outcomes = tuple[str, ...]
"""The audit rows of a case, oldest first: the code of a failure, else the status."""


@dataclass
class KillableBank(Bank):
    """A bank in this process, and a server on the same database whose workers a request can kill at its points."""

    server: GunicornServer

    @property
    def dialect(self) -> str:
        return "sqlite" if self.server.database_url.startswith("sqlite") else "postgresql"

    def over_http(self, caller: Caller) -> Caller:
        return replace(caller, client=HttpClient(self.server.address, self.app), headers={})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bank(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableBank]:
    url = new_database()
    environ = {"JWT_SECRET": SECRET, "WEB_CONCURRENCY": "2", "WEB_THREADS": "1"}
    folder = tmp_path_factory.mktemp("failpoints")
    server = GunicornServer(url, folder, **environ)
    server.target = TARGET
    with application(settings(url)) as app, server:
        yield KillableBank(app, server)


@dataclass(frozen=True)
class Case:
    """A request that moves money, and what it has done so far.

    ``caller`` reads in this process; ``sender`` is the same user over HTTP. ``moved`` returns how many minor units
    have moved, ``outcomes`` the audit rows, oldest first: the code of a failure, else the status.
    """

    caller: Caller
    sender: Caller
    event: str
    send: Callable[[Caller], TestResponse]
    moved: Callable[[], int]
    amount: int
    status: int = 201
    outcome: str = "success"

    def outcomes(self) -> Outcomes:
        rows = ok(self.caller.get(f"/audit-logs?event_type={self.event}"))["items"]
        return tuple(row["metadata"].get("code", row["status"]) for row in reversed(rows))


def _transfer(bank: KillableBank, key: str | None = "rent") -> Case:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()

    def moved() -> int:
        assert ada.balance(source) == 100 - bob.balance(target)
        return bob.balance(target)

    def send(caller: Caller) -> TestResponse:
        return caller.transfer(source, target, 60, key=key)

    return Case(ada, bank.over_http(ada), "transfer", send, moved, 60)


def _refused_transfer(bank: KillableBank) -> Case:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=50), bob.account()

    def send(caller: Caller) -> TestResponse:
        return caller.transfer(source, target, 60, key="rent")

    moved = partial(bob.balance, target)
    return Case(ada, bank.over_http(ada), "transfer", send, moved, 0, 422, "insufficient_funds")


def _taken_over_transfer(bank: KillableBank) -> Case:
    """The first attempt was killed after its claim; the points are those of the attempt that takes the claim over."""
    case = _transfer(bank)
    assert kill_at(bank, case, CLAIMED[bank.dialect]) == CLAIMED[bank.dialect]
    assert case.outcomes() == ("pending",)
    time.sleep(LEASE.total_seconds())
    return case


def _deposit(bank: KillableBank) -> Case:
    ada = bank.customer()
    account = ada.account()

    def send(caller: Caller) -> TestResponse:
        return caller.move(account, 60, "deposit", key="wage")

    return Case(ada, bank.over_http(ada), "deposit", send, partial(ada.balance, account), 60)


def _batch(bank: KillableBank) -> Case:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    order = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 30, "currency": "EUR"}

    def send(caller: Caller) -> TestResponse:
        return caller.post("/transfers/batch", {"transfers": [order, order]}, key="wages")

    return Case(ada, bank.over_http(ada), "transfer_batch", send, partial(bob.balance, target), 60, 200)


def _capture(bank: KillableBank) -> Case:
    ada = bank.customer()
    account = ada.account(balance=100)
    hold = ada.hold(ada.card(account), 70)

    def send(caller: Caller) -> TestResponse:
        return caller.post(f"/authorizations/{hold['id']}/capture", {"amount": 60}, key="capture")

    def moved() -> int:
        balance, available = ada.balances(account)
        assert available == (30 if balance == 100 else 40)
        return 100 - balance

    return Case(ada, bank.over_http(ada), "card_capture", send, moved, 60, 200)


CASES: Mapping[str, Callable[[KillableBank], Case]] = {
    "transfer": _transfer,
    "transfer that is refused": _refused_transfer,
    "transfer that takes a claim over": _taken_over_transfer,
    "deposit": _deposit,
    "batch": _batch,
    "capture": _capture,
}
CLAIMED = {"sqlite": "after COMMIT", "postgresql": "after INSERT idempotency_keys, INSERT audit_logs"}


# What each request runs, up to each commit, and the outcomes from then on. On PostgreSQL a statement outside of BEGIN
# and COMMIT commits by itself.
Steps = Sequence[tuple[Sequence[str], Outcomes]]

_BEGUN = ["SELECT auth_tokens", "BEGIN", "INSERT idempotency_keys", "INSERT audit_logs", "COMMIT"]
_ANSWERED = ["UPDATE audit_logs", "UPDATE idempotency_keys", "COMMIT"]
_POSTED = ["INSERT transactions", "INSERT postings", *_ANSWERED]
_POSTED_WITH_EVENT = ["INSERT transactions", "INSERT postings", "INSERT events", *_ANSWERED]
_TRANSFERRED = ["BEGIN", "SELECT accounts", "INSERT transfers", *_POSTED]
_REFUSED = ["BEGIN", "UPDATE idempotency_keys", "UPDATE audit_logs", "COMMIT"]
_ABANDONED = ["UPDATE idempotency_keys", "SELECT audit_logs", "UPDATE audit_logs"]
_TAKEN = ["SELECT idempotency_keys", *_ABANDONED]
_HELD = ["BEGIN", "SELECT authorizations", "SELECT accounts"]
_CAPTURED = ["UPDATE authorizations", "SELECT authorizations", "UPDATE authorizations"]

_BEGUN_AT_ONCE = ["INSERT idempotency_keys, INSERT audit_logs"]
_POSTED_AT_ONCE = "INSERT transactions, INSERT postings, UPDATE audit_logs, UPDATE idempotency_keys"
_POSTED_WITH_EVENT_AT_ONCE = _POSTED_AT_ONCE.replace("postings", "postings, INSERT events")
_TRANSFERRED_AT_ONCE = [
    "UPDATE audit_logs, UPDATE idempotency_keys, INSERT transfers, INSERT transactions, INSERT postings"
]

STEPS: Mapping[str, Mapping[str, Steps]] = {
    "sqlite": {
        "transfer": [(_BEGUN, ("pending",)), (_TRANSFERRED, ("success",))],
        "transfer that is refused": [
            (_BEGUN, ("pending",)),
            (["BEGIN", "SELECT accounts", *_REFUSED], ("insufficient_funds",)),
        ],
        "transfer that takes a claim over": [
            ([*_BEGUN[:3], *_TAKEN, *_BEGUN[3:]], ("abandoned", "pending")),
            (_TRANSFERRED, ("abandoned", "success")),
        ],
        "deposit": [(_BEGUN, ("pending",)), (["BEGIN", "SELECT accounts", *_POSTED], ("success",))],
        "batch": [(_BEGUN, ("pending",)), (_TRANSFERRED, ("success",))],
        "capture": [(_BEGUN, ("pending",)), ([*_HELD, *_CAPTURED, *_POSTED_WITH_EVENT], ("success",))],
    },
    "postgresql": {
        "transfer": [(_BEGUN_AT_ONCE, ("pending",)), (_TRANSFERRED_AT_ONCE, ("success",))],
        "transfer that is refused": [(_BEGUN_AT_ONCE, ("pending",)), (_REFUSED, ("insufficient_funds",))],
        "transfer that takes a claim over": [
            ([*_BEGUN_AT_ONCE, "SELECT auth_tokens", _TAKEN[0], "BEGIN", *_ABANDONED, "COMMIT"], ("abandoned",)),
            (["INSERT audit_logs"], ("abandoned", "pending")),
            (_TRANSFERRED_AT_ONCE, ("abandoned", "success")),
        ],
        "deposit": [
            (_BEGUN_AT_ONCE, ("pending",)),
            (["BEGIN", "SELECT accounts", _POSTED_AT_ONCE, "COMMIT"], ("success",)),
        ],
        "batch": [
            (_BEGUN_AT_ONCE, ("pending",)),
            (["BEGIN", "SELECT accounts", f"INSERT transfers, {_POSTED_AT_ONCE}", "COMMIT"], ("success",)),
        ],
        "capture": [
            (_BEGUN_AT_ONCE, ("pending",)),
            ([*_HELD, *_CAPTURED, _POSTED_WITH_EVENT_AT_ONCE, "COMMIT"], ("success",)),
        ],
    },
}

KEYLESS: Mapping[str, Steps] = {
    "sqlite": [
        (["SELECT auth_tokens", "BEGIN", "INSERT audit_logs", "COMMIT"], ("pending",)),
        ([step for step in _TRANSFERRED if step != "UPDATE idempotency_keys"], ("success",)),
    ],
    "postgresql": [
        (["SELECT auth_tokens", "INSERT audit_logs"], ("pending",)),
        (["UPDATE audit_logs, INSERT transfers, INSERT transactions, INSERT postings"], ("success",)),
    ],
}


def points(steps: Steps, outcomes: Outcomes = ()) -> list[tuple[str, Outcomes]]:
    """Return the points of a request that runs ``steps``, with the outcomes after a kill at each."""
    found = [("begin", outcomes)]
    for statements, committed in steps:
        for number, statement in enumerate(statements, 1):
            found.append((f"before {statement}", outcomes))
            outcomes = committed if number == len(statements) else outcomes
            found.append((f"after {statement}", outcomes))
    return [*found, ("before the answer", outcomes)]


def kill_at(bank: KillableBank, case: Case, point: object) -> str | None:
    """Send a request that kills its worker at a point; return the point's name, or None where it has fewer points."""
    case.sender.headers[HEADER] = str(point)
    try:
        reply = case.send(case.sender)
    except OSError:
        return bank.server.error_log.read_text().splitlines()[-1].removeprefix("killed ")
    finally:
        del case.sender.headers[HEADER]
    assert reply.status_code == case.status
    return None


def send_until_definite(case: Case) -> TestResponse:
    time.sleep(LEASE.total_seconds())
    deadline = time.monotonic() + 20
    while (reply := case.send(case.sender)).status_code in (409, 503):
        assert time.monotonic() < deadline
        time.sleep(int(reply.headers["Retry-After"]))
    return reply


Killed = Iterator[tuple[Case, str, Outcomes]]


def kill_at_each_point(bank: KillableBank, new_case: Callable[[KillableBank], Case], every: int = 1) -> Killed:
    """Yield a new case for each point of its request, with the point's name and the outcomes after the kill there."""
    for number in itertools.count(1, every):
        case = new_case(bank)
        point = kill_at(bank, case, number)
        if point is None:
            return
        yield case, point, case.outcomes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_a_request_that_is_sent_again_moves_the_money_once(bank: KillableBank, kind: str) -> None:
    # Between the end of a statement and the beginning of the next nothing happens to the database, so of the other
    # requests only one of the two is a point here.
    every = 1 if kind == "transfer" else 2
    reached = []
    for case, point, outcomes in kill_at_each_point(bank, CASES[kind], every):
        reached.append((point, outcomes))
        was_carried_out = case.outcome in outcomes
        assert case.moved() == (case.amount if was_carried_out else 0), point
        reply = send_until_definite(case)
        assert reply.status_code == case.status, point
        assert ("Idempotent-Replayed" in reply.headers) == was_carried_out, point
        assert case.send(case.sender).data == reply.data
        assert case.moved() == case.amount
        settled = tuple("abandoned" if outcome == "pending" else outcome for outcome in outcomes)
        assert case.outcomes() == (settled if was_carried_out else (*settled, case.outcome)), point
    before = ("pending",) if kind == "transfer that takes a claim over" else ()
    assert reached == points(STEPS[bank.dialect][kind], before)[::every]
    assert faults(bank.app) == []


@pytest.mark.slow
def test_a_request_without_a_key_moves_the_money_at_most_once(
    bank: KillableBank, raw_sql: Callable[..., RawSql]
) -> None:
    reached = []
    cases = []
    for case, point, outcomes in kill_at_each_point(bank, partial(_transfer, key=None)):
        reached.append((point, outcomes))
        cases.append((case, outcomes))
        assert case.moved() == (case.amount if "success" in outcomes else 0), point
    assert reached == points(KEYLESS[bank.dialect])
    pending = [outcomes for _, outcomes in cases if "pending" in outcomes]
    with raw_sql(bank.app) as owner:
        make_pending_rows_older(owner, seconds=61)
    settled = bank.app.test_cli_runner().invoke(args=["audit", "settle"])
    assert settled.output == f"{len(pending)} abandoned rows settled\n"
    for case, outcomes in cases:
        assert case.outcomes() == tuple("abandoned" if outcome == "pending" else outcome for outcome in outcomes)
        assert case.moved() == (case.amount if "success" in outcomes else 0)
    assert faults(bank.app) == []
