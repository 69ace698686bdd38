"""The short form of ``make torture``: a few seconds of load, two faults, on each database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from torture.__main__ import main
from torture.checker.verdict import PASS, UNKNOWN
from torture.faults import FAULTS
from torture.faults.base import Fault
from torture.history import read
from torture.run import Plan, run
from torture.table import rows
from torture.world import World

pytestmark = pytest.mark.slow

SEED = 7


def test_the_money_is_right_after_faults_on_sqlite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"--minutes 0.08 --seed {SEED} --database sqlite --faults worker-kill,restart,commit-cut".split()
    exit_code = main([*words, "--folder", str(tmp_path)])
    printed = capsys.readouterr().out
    assert exit_code == 0, printed
    with (tmp_path / "sqlite/history.jsonl").open() as lines:
        entries, strikes = read(lines)
    assert {strike.fault for strike in strikes if strike.is_effective} == {"worker-kill", "restart"}
    assert sum(entry.outcome == "ok" for entry in entries) > 50
    assert all(word in printed for word in ("worker-kill", "restart", "pass", f"seed {SEED}"))


def test_the_money_is_right_after_faults_on_postgresql(postgres: PostgresServer, tmp_path: Path) -> None:
    faults = [FAULTS["worker-kill"], FAULTS["commit-cut"]]
    result = run(Plan("postgresql", SEED, seconds=5, faults=faults), tmp_path, postgres)
    assert result.verdict.outcome == PASS, (result.verdict.findings[:5], result.verdict.gaps, rows(result))
    assert {strike.fault for strike in result.strikes if strike.is_effective} == {"worker-kill", "commit-cut"}
    assert sum(entry.outcome == "ok" for entry in result.entries) > 50


class Harmless(Fault):
    """A fault that hits nothing, and so shows no evidence."""

    name = "harmless"

    def strike(self, world: World) -> None:
        pass

    def evidence(self, world: World) -> str:
        return ""


def test_a_fault_that_was_not_effective_proves_nothing(tmp_path: Path) -> None:
    result = run(Plan("sqlite", SEED, seconds=1, faults=[Harmless], clients=2), tmp_path)
    assert result.verdict.outcome == UNKNOWN, result.verdict.findings
    assert result.verdict.gaps == ["harmless was effective 0 times of 1"]
    assert [row[2] for row in rows(result)] == ["0 of 3", "0 of 3"]


def test_an_unknown_fault_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--faults", "worker-kil"])
    assert "no such fault: worker-kil; there are: worker-kill," in capsys.readouterr().err


def test_faults_of_sqlite_and_the_log_are_effective(tmp_path: Path) -> None:
    faults = [FAULTS["full-disk"], FAULTS["log-pipe"]]
    result = run(Plan("sqlite", SEED, seconds=5, faults=faults), tmp_path)
    assert result.verdict.outcome == PASS, (result.verdict.findings[:5], result.verdict.gaps, rows(result))


def test_faults_of_postgresql_are_effective(postgres: PostgresServer, tmp_path: Path) -> None:
    faults = [FAULTS["conflicts"], FAULTS["connections-exhausted"]]
    result = run(Plan("postgresql", SEED, seconds=5, faults=faults), tmp_path, postgres)
    assert result.verdict.outcome == PASS, (result.verdict.findings[:5], result.verdict.gaps, rows(result))
