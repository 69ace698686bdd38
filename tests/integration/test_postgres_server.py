import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import PostgresServer


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


def fetch_value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_the_server_answers_on_its_url(server: PostgresServer) -> None:
    assert fetch_value(server.url("postgres"), "SELECT 1") == 1
    assert fetch_value(server.url("postgres"), "SHOW max_connections") == "200"
    assert fetch_value(server.url("postgres"), "SHOW fsync") == "off"


def test_a_database_is_copied_from_a_template(server: PostgresServer) -> None:
    with psycopg.connect(server.create_database("template")) as connection:
        connection.execute("CREATE TABLE fruit AS SELECT 'apple' AS name")

    server.create_database('a "copy"', template="template")

    assert fetch_value(server.url('a "copy"'), "SELECT name FROM fruit") == "apple"


def test_a_database_in_use_and_a_missing_one_are_dropped(server: PostgresServer) -> None:
    connection = psycopg.connect(server.create_database("busy"))

    server.drop_database("busy")
    server.drop_database("busy")

    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        fetch_value(server.url("busy"), "SELECT 1")


def test_the_server_of_the_environment_is_used(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_POSTGRES_URL", server.url("postgres").replace("postgresql:", "postgres:"))

    with PostgresServer() as external:
        external.create_database("elsewhere")
        assert external.url("elsewhere") == server.url("elsewhere")
        assert external.url("elsewhere", user="clerk") == server.url("elsewhere", user="clerk")

    assert fetch_value(server.url("elsewhere"), "SELECT 1") == 1
    server.drop_database("elsewhere")


def test_committed_rows_survive_a_crash() -> None:
    with PostgresServer().start(durable=True) as server:
        url = server.create_database("ledger")
        assert fetch_value(url, "SHOW fsync") == "on"
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE kept SET answer = 0")
            server.crash()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            fetch_value(url, "SELECT 1")

        server.restart()

        assert fetch_value(url, "SELECT answer FROM kept") == 42


def test_the_server_restarts_after_a_kill() -> None:
    with PostgresServer() as server:
        os.kill(server.pid, signal.SIGKILL)
        while _runs(server.pid):
            time.sleep(0.02)

        server.restart()

        assert fetch_value(server.url("postgres"), "SELECT 1") == 1


@pytest.mark.parametrize("end", ["returns", "stops", "is killed"])
def test_the_server_leaves_nothing_behind_when_its_owner(end: str, tmp_path: Path) -> None:
    script = (
        "import sys, time; from tests.support.postgres import PostgresServer\n"
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
