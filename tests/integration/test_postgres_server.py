import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresServer


@pytest.fixture(autouse=True)
def _own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_POSTGRES_URL", raising=False)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TEST_POSTGRES_URL", raising=False)
        running = PostgresServer()
    with running:
        yield running


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def test_answers_on_its_url(server: PostgresServer) -> None:
    assert ask(server.url("postgres"), "SELECT 1") == 1
    assert ask(server.url("postgres"), "SHOW max_connections") == "200"
    assert ask(server.url("postgres"), "SHOW fsync") == "off"


def test_copies_a_template(server: PostgresServer) -> None:
    with psycopg.connect(server.create_database("template")) as connection:
        connection.execute("CREATE TABLE fruit AS SELECT 'apple' AS name")

    server.create_database('a "copy"', template="template")

    assert ask(server.url('a "copy"'), "SELECT name FROM fruit") == "apple"


def test_drops_a_database_in_use_and_one_that_is_not_there(server: PostgresServer) -> None:
    connection = psycopg.connect(server.create_database("busy"))

    server.drop_database("busy")
    server.drop_database("busy")

    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        ask(server.url("busy"), "SELECT 1")


def test_uses_the_server_of_the_environment(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_POSTGRES_URL", server.url("postgres").replace("postgresql:", "postgres:"))

    with PostgresServer() as external:
        external.create_database("elsewhere")
        assert external.url("elsewhere") == server.url("elsewhere")
        assert external.url("elsewhere", user="clerk") == server.url("elsewhere", user="clerk")

    assert ask(server.url("elsewhere"), "SELECT 1") == 1
    server.drop_database("elsewhere")


def test_keeps_what_was_committed_through_a_crash() -> None:
    with PostgresServer().start(durable=True) as server:
        url = server.create_database("ledger")
        assert ask(url, "SHOW fsync") == "on"
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE kept SET answer = 0")
            server.crash()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            ask(url, "SELECT 1")

        server.restart()

        assert ask(url, "SELECT answer FROM kept") == 42


def test_starts_again_after_it_was_killed() -> None:
    with PostgresServer() as server:
        os.kill(server.pid, signal.SIGKILL)
        while _runs(server.pid):
            time.sleep(0.02)

        server.restart()

        assert ask(server.url("postgres"), "SELECT 1") == 1


@pytest.mark.parametrize("end", ["returns", "stops", "is killed"])
def test_leaves_nothing_behind_when_its_owner(end: str, tmp_path: Path) -> None:
    script = (
        "import sys, time; from tests.postgres import PostgresServer\n"
        "server = PostgresServer().start()\n"
        "print(server.pid, server._folder, flush=True)\n"
        f"{'server.stop(); ' if end == 'stops' else ''}{'time.sleep(600)' if end == 'is killed' else ''}"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        pid, folder = owner.stdout.readline().split()
        if end == "is killed":
            assert Path(folder).is_dir()
            owner.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 20
    while (Path(folder).exists() or _runs(int(pid))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(folder).exists()
    assert not _runs(int(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
