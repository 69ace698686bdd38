"""Users of the command line, and a server that listens on a socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from bankapp.client.main import bank
from tests.client.wire import Wire
from tests.support.factories import PASSWORD, unique_email
from tests.support.listening import listening

ROOT = Path(__file__).parents[2]
PERSON = ("--first-name", "Ada", "--last-name", "Lovelace", "--dob", "1990-12-10")


@dataclass
class Person:
    """A user of the command line with a separate configuration folder."""

    url: str
    home: Path
    email: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {"XDG_CONFIG_HOME": str(self.home), "BANKAPP_URL": self.url, "NO_COLOR": "1"} | self.environ

    @property
    def folder(self) -> Path:
        return self.home / "bankapp" / "profiles" / "default"

    @property
    def pending(self) -> list[Path]:
        return sorted((self.folder / "pending").glob("*.json"))

    def run(self, *args: str, code: int = 0, input: str | None = None, **env: str) -> Result:
        """Run a command in this process; an exit code other than ``code`` fails the test."""
        result = CliRunner().invoke(bank, args, input=input, env=self.env | env)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, f"{result.exit_code}: {result.output}"
        return result

    def json(self, *args: str, **kwargs: Any) -> Any:
        return json.loads(self.run("--json", *args, **kwargs).stdout)

    def problem(self, *args: str, code: int, **kwargs: Any) -> dict[str, Any]:
        return dict(json.loads(self.run("--json", *args, code=code, **kwargs).stderr.splitlines()[-1]))

    def start(self, *args: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start a command in a separate process."""
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "bankapp.client", *args],
            cwd=ROOT,
            env=os.environ | self.env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def signed_up(self) -> Person:
        self.email = unique_email()
        self.run("signup", self.email, *PERSON, BANKAPP_PASSWORD=PASSWORD)
        return self

    def account(self, currency: str = "EUR", balance: str | None = None) -> dict[str, Any]:
        account = self.json("account", "open", "--currency", currency)
        if balance is not None:
            self.run("deposit", account["id"], balance)
        return dict(account)

    def balance(self, account: dict[str, Any]) -> int:
        return int(self.json("account", "show", account["id"])["balance"])


@pytest.fixture(scope="session")
def url(app: Flask) -> Iterator[str]:
    """The address of a server of the test application."""
    with listening(app) as address:
        yield address


@pytest.fixture
def stranger(url: str, tmp_path: Path) -> Person:
    return Person(url, tmp_path / "config")


@pytest.fixture
def person(stranger: Person) -> Person:
    """A customer who is signed in."""
    return stranger.signed_up()


@pytest.fixture
def other(url: str, tmp_path: Path) -> Person:
    """A second signed-in customer, with another folder."""
    return Person(url, tmp_path / "other").signed_up()


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    """A wire to the server that can be cut."""
    wire = Wire(url)
    yield wire
    wire.close()


@pytest.fixture
def wired(wire: Wire, tmp_path: Path) -> Person:
    """A customer who reaches the bank over ``wire`` only."""
    return Person(wire.url, tmp_path / "wired").signed_up()


def withdraw_and_kill(person: Person, wire: Wire, account: str) -> None:
    """Start a withdrawal in a separate process and kill it while its request or answer is on the wire."""
    process = person.start("withdraw", account, "10")
    try:
        assert wire.stalled.wait(20)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the usual number of attempts, without pauses."""
    monkeypatch.setattr("bankapp.client.api.PATIENCE_SECONDS", (0.0,) * 5)
    monkeypatch.setattr("bankapp.client.orders.RESUME_PATIENCE_SECONDS", (0.0,) * 5)
