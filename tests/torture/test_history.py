"""The history file: what was written is read back, and is on the disk before the event takes effect."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from torture.history import HUNG_UP, INFO, OK, History, Strike, read
from torture.operations import Operation

OPERATION = Operation("t-1-1", "deposit", "POST", "/transactions", {"amount": 5}, secret={"password": "none"})
STRIKE = Strike("worker-kill", 1, 2, 3, "worker 4 died", 1, is_effective=True)


def test_a_history_reads_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.invoke(OPERATION, "t-1-1-1", first=True)
        history.complete(OPERATION, "t-1-1-1", INFO, reason="TimeoutError")
        history.strike(STRIKE)
        history.invoke(OPERATION, "t-1-1-2", first=False)
        history.complete(OPERATION, "t-1-1-2", OK, status=201, text='{"id": "x"}')
    text = path.read_text()
    [entry], strikes = read(text.splitlines())
    assert strikes == [STRIKE]
    assert entry.operation == Operation("t-1-1", "deposit", "POST", "/transactions", {"amount": 5})
    assert "password" not in text
    assert [(one.outcome, one.reason) for one in entry.attempts] == [(INFO, "TimeoutError"), (OK, "")]
    assert entry.answer is entry.attempts[1]
    assert entry.answer.body == {"id": "x"}
    times = [time for one in entry.attempts for time in (one.started, one.ended)]
    assert times == sorted(times)


def test_every_event_is_on_the_disk_before_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.jsonl"
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_text().count("\n")))
    with History(path) as history, ThreadPoolExecutor(8) as pool:

        def write(number: int) -> None:
            operation = Operation(f"t-1-{number}", "void", "POST", "/void")
            history.invoke(operation, f"{operation.id}-1", first=True)
            assert f'"{operation.id}-1"' in path.read_text()
            assert synced[-1] >= 1

        list(pool.map(write, range(50)))
    assert synced[-1] == 50


def test_outcomes_that_a_client_caused_itself_do_not_show_a_fault(tmp_path: Path) -> None:
    with History(tmp_path / "history.jsonl") as history:
        history.complete(OPERATION, "t-1-1-1", INFO, reason=HUNG_UP)
        history.complete(OPERATION, "t-1-1-1", INFO, status=409)
        assert history.between(INFO, 0, 2**63) == 0
        history.complete(OPERATION, "t-1-1-2", INFO, reason="TimeoutError")
        assert history.between(INFO, 0, 2**63) == 1
        assert history.first_after(OK, 0) is None
        history.complete(OPERATION, "t-1-1-3", OK, status=201)
        assert history.first_after(OK, 0) is not None
        assert history.first_after(OK, 2**63) is None
