"""The final state of the bank, read page by page through the API as an admin."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tests.support.factories import PASSWORD
from torture import wire
from torture.world import World

TRIES: Final = 20
PAUSE_SECONDS: Final = 0.5

Row = dict[str, Any]


@dataclass
class Observation:
    """What the bank says at the end. ``gaps`` names what could not be read; then nothing is proved.

    ``transactions`` has the history of each account, oldest first. ``faults`` are those that ``flask ledger verify``
    and ``flask audit verify`` found, ``errors`` the unexpected ones in the server's log.
    """

    accounts: list[Row] = field(default_factory=list)
    transactions: dict[str, list[Row]] = field(default_factory=dict)
    transfers: list[Row] = field(default_factory=list)
    authorizations: list[Row] = field(default_factory=list)
    audit: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    @property
    def legs(self) -> dict[str, list[tuple[str, str]]]:
        """Account and transaction of each leg, by the id of its transfer."""
        found: dict[str, list[tuple[str, str]]] = {}
        for account_id, rows in self.transactions.items():
            for row in rows:
                if row["transfer_id"] is not None:
                    found.setdefault(row["transfer_id"], []).append((account_id, row["id"]))
        return found

    def write(self, path: Path) -> None:
        """Write the observation as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Observation:
        """Read what :meth:`write` wrote."""
        return cls(**json.loads(path.read_text()))


class Gap(Exception):
    """Something could not be read, even after several tries."""


class Reader:
    """Reads lists with the session of an admin."""

    def __init__(self, address: str, email: str) -> None:
        self._address = address
        self._email = email
        self._token = ""

    def rows(self, path: str, **query: str) -> Iterator[Row]:
        """Yield the rows of a list, newest first. Raises Gap."""
        parameters = {"limit": "100"} | query
        while True:
            page = self._get(f"{path}?{urlencode(parameters)}")
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            parameters["cursor"] = page["next_cursor"]

    def _get(self, path: str) -> Any:
        problem = ""
        for _ in range(TRIES):
            try:
                if not self._token:
                    self._sign_in()
                answer = wire.send(self._address, "GET", path, None, {"Authorization": f"Bearer {self._token}"})
                if answer.status == 200:
                    return answer.body
                problem = f"{answer.status} {answer.text}"
                if answer.status == 401:
                    self._token = ""
                    continue
            except wire.Lost as lost:
                problem = str(lost)
            time.sleep(PAUSE_SECONDS)
        raise Gap(f"GET {path}: {problem}")

    def _sign_in(self) -> None:
        body = {"email": self._email, "password": PASSWORD}
        answer = wire.send(self._address, "POST", "/auth/login", body, {})
        self._token = answer.body.get("access_token", "")


def observe(world: World, admin_email: str) -> Observation:
    """Read the whole state, and let the service verify its books."""
    found = Observation()
    reader = Reader(world.server.address, admin_email)

    def attempt(step: Callable[[], None]) -> None:
        try:
            step()
        except Gap as gap:
            found.gaps.append(str(gap))

    def histories() -> None:
        for account in found.accounts:
            rows = list(reader.rows("/transactions", account_id=account["id"]))
            found.transactions[account["id"]] = rows[::-1]

    attempt(lambda: found.accounts.extend(reader.rows("/accounts")))
    attempt(histories)
    attempt(lambda: found.transfers.extend(reader.rows("/transfers")))
    attempt(lambda: found.authorizations.extend(reader.rows("/authorizations")))
    attempt(lambda: found.audit.extend(reader.rows("/audit-logs")))
    for words in (("ledger", "verify"), ("audit", "verify")):
        _verify(world, words, found)
    found.errors = world.logged_errors()
    return found


def _verify(world: World, words: tuple[str, str], found: Observation) -> None:
    command = f"flask {' '.join(words)}"
    done = world.flask(*words, "--json")
    try:
        # A log line may come before it.
        result = json.loads(done.stdout[done.stdout.index('{"faults"') :])
    except ValueError:
        found.gaps.append(f"{command} ended with {done.exit_code}: {done.output.strip()[-500:]}")
        return
    found.faults += [f"{command}: {fault}" for fault in result["faults"]]
