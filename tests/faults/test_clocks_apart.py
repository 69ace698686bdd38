"""Two servers on one database, the clock of one an hour off: the money stays right, and no time runs back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.books import faults
from tests.support.factories import PASSWORD, Caller, ok, refused
from tests.support.failpoints import HEADER, TARGET
from tests.support.servers import SECRET, GunicornServer, RemoteBank

CLAIMED = {"sqlite": "after COMMIT", "postgresql": "after INSERT idempotency_keys, INSERT audit_logs"}


@dataclass
class Nodes:
    right: RemoteBank
    wrong: RemoteBank

    def both(self) -> tuple[Caller, Caller]:
        """Return one customer, signed in on each node: a token of one may not count on the other."""
        ada = self.right.customer()
        return ada, self.wrong.signed_in(ada.email)


@pytest.fixture(params=[1, -1])
def nodes(fresh_app: Flask, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Nodes]:
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    small = {"WEB_CONCURRENCY": "2", "WEB_THREADS": "1", "JWT_SECRET": SECRET}
    banks = []
    with ExitStack() as stack:
        for name, hours in (("right", 0), ("wrong", request.param)):
            folder = tmp_path / name
            folder.mkdir()
            server = GunicornServer(url, folder, CLOCK_OFF_SECONDS=str(hours * 3600), **small)
            server.target = TARGET if hours else "wsgi:app"
            banks.append(RemoteBank(fresh_app, stack.enter_context(server)))
        yield Nodes(*banks)


def is_wrong(moment: str) -> bool:
    return abs(datetime.fromisoformat(moment) - datetime.now(UTC)) > timedelta(minutes=30)


def every(caller: Caller, path: str) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while cursor is not None:
        page = ok(caller.get(f"{path}{'&cursor=' if cursor else ''}{cursor}"))
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def test_money_moves_over_both_nodes(nodes: Nodes, dialect: str) -> None:
    here, there = nodes.both()
    bob = nodes.right.customer()
    source, target = here.account(balance=1_000), bob.account()
    assert is_wrong(there.account()["created_at"]), "one of the two clocks must be wrong"
    ok(there.move(source, 1, "deposit"), 201)
    for number in range(6):
        first, second = (here, there) if number % 2 else (there, here)
        made = first.transfer(source, target, 10, key=f"rent-{number}")
        again = second.transfer(source, target, 10, key=f"rent-{number}")
        assert ok(again, 201) == ok(made, 201)
        assert again.headers["Idempotent-Replayed"] == "true"
        ok(second.move(source, 1, "withdrawal", key=f"cash-{number}"), 201)
    hold = here.hold(here.card(source), 50)
    ok(there.post(f"/authorizations/{hold['id']}/capture", {"amount": 40}, key="capture"))
    balance = 1_000 + 1 - 60 - 6 - 40
    assert (here.balances(source), bob.balance(target)) == ((balance, balance), 60)
    entries = every(here, f"/transactions?account_id={source['id']}&limit=2")
    assert len({entry["id"] for entry in entries}) == len(entries) == 2 + 6 + 6 + 1
    times = [entry["created_at"] for entry in entries]
    assert times == sorted(times, reverse=True)
    assert faults(nodes.right.app) == []


def test_a_session_lives_on_the_node_that_it_is_refreshed_on(nodes: Nodes) -> None:
    here, there = nodes.both()
    for mine, other in ((here, there), (there, here)):
        elsewhere = replace(mine, client=other.client)
        refusal = elsewhere.get("/accounts")
        assert refusal.status_code == 401, "neither early nor late is a token that another clock has dated valid"
        assert refusal.get_json()["code"] in ("token_invalid", "token_expired")
        elsewhere.tokens = ok(elsewhere.post("/auth/refresh", {"refresh_token": mine.tokens["refresh_token"]}))
        ok(elsewhere.get("/accounts"))
        ok(elsewhere.post("/auth/logout"), 204)
        refused(elsewhere.get("/accounts"), 401, "token_revoked")
    ok(nodes.right.anonymous().post("/auth/login", {"email": here.email, "password": PASSWORD}))


def test_the_claim_of_a_worker_killed_there_is_taken_over_here(nodes: Nodes, dialect: str) -> None:
    here, there = nodes.both()
    bob = nodes.right.customer()
    source, target = here.account(balance=100), bob.account()
    there.headers[HEADER] = CLAIMED[dialect]
    with pytest.raises(RemoteDisconnected):
        there.transfer(source, target, 60, key="rent")
    end = time.monotonic() + 10
    while (reply := here.transfer(source, target, 60, key="rent")).status_code == 409:
        time.sleep(int(reply.headers["Retry-After"]))
        assert time.monotonic() < end
    ok(reply, 201)
    assert (here.balance(source), bob.balance(target)) == (40, 60)
    statuses = {row["metadata"].get("code", row["status"]) for row in every(here, "/audit-logs?event_type=transfer")}
    assert statuses == {"abandoned", "success"}
    assert faults(nodes.right.app) == []
