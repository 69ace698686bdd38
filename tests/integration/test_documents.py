"""Commands, settings and links in the documents work as written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from bankapp.cli import openapi, use_migrations
from bankapp.error_guide import ENTRIES
from bankapp.services.jobs import JOBS
from bankapp.services.seeding import CUSTOMER_EMAIL, PASSWORD
from config import ROOT
from tests.support.factories import Bank, ok
from tests.support.servers import GunicornServer

README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def test_the_five_calls_work_as_printed(fresh_app: Flask, tmp_path: Path) -> None:
    seeded = fresh_app.test_cli_runner().invoke(args=["seed", "--customers", "2", "--months", "1"])
    assert seeded.exit_code == 0, seeded.output
    [script] = re.findall(r"```sh\n(.*?)```", README, re.S)
    assert script.count("curl ") == 5
    with GunicornServer(fresh_app.config["SQLALCHEMY_DATABASE_URI"], tmp_path, WEB_CONCURRENCY="1") as server:
        printed = script.replace("http://127.0.0.1:8000", server.url).replace("curl -sS", "curl -sS --fail-with-body")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", printed], capture_output=True, text=True, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    decoder, position = json.JSONDecoder(), 0
    deposit, position = decoder.raw_decode(done.stdout)
    history, end = decoder.raw_decode(done.stdout[position:])
    assert (deposit["type"], deposit["balance_after"]) == ("deposit", 1234)
    assert history["items"][0] == deposit
    assert "12.34" in done.stdout[position + end :]
    assert PASSWORD in script


def test_the_example_of_the_guide_sends_money_once(fresh_app: Flask, tmp_path: Path) -> None:
    assert fresh_app.test_cli_runner().invoke(args=["seed", "--customers", "1", "--months", "1"]).exit_code == 0
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api-guide.md").read_text(), re.S)
    ada = Bank(fresh_app).signed_in(CUSTOMER_EMAIL, PASSWORD)
    before = ok(ada.get("/transfers?limit=100"))["items"]
    with GunicornServer(fresh_app.config["SQLALCHEMY_DATABASE_URI"], tmp_path, WEB_CONCURRENCY="1") as server:
        command = [sys.executable, "-W", "error", "-c", program, server.url, CUSTOMER_EMAIL, PASSWORD]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    sent = ok(ada.get("/transfers?limit=100"))["items"][0]
    history = ok(ada.get(f"/transactions?account_id={sent['from_account_id']}&limit=100"))["items"]
    assert done.stdout == f"sent {sent['id']}\ntransactions {len(history)}\n"
    assert sent["id"] not in {transfer["id"] for transfer in before}


def test_the_table_of_settings_matches_the_code(app: Flask) -> None:
    [table] = re.findall(r"## Settings\n.*?\n\|---\|---\|---\|\n(.*?\n)\n", README, re.S)
    printed = app.test_cli_runner().invoke(args=["config", "--markdown"])
    assert (printed.exit_code, printed.output) == (0, table), "print the table again: flask config --markdown"


def test_the_page_of_error_codes_matches_the_code(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["errors", "--markdown"])
    written = (ROOT / "docs" / "errors.md").read_text()
    assert (printed.exit_code, printed.output) == (0, written), "write it again: flask errors --markdown"
    assert len(app.test_cli_runner().invoke(args=["errors"]).output.splitlines()) == len(ENTRIES)
    page = app.test_client().get("/docs/errors").text
    assert set(re.findall(r'<section id="(\w+)">', page)) == set(ENTRIES)
    assert set(re.findall(r"^## (\w+)$", written, re.M)) == set(ENTRIES)


def test_the_table_of_jobs_matches_the_code() -> None:
    [table] = re.findall(r"^\| Job \| Period .*?\n\n", (ROOT / "docs" / "operations.md").read_text(), re.M | re.S)
    rows = re.findall(r"^\| `(\w+)` \| ([\w. ]+) \| ", table, re.M)
    seconds = {"s": 1, "min": 60, "day": 24 * 3600}
    periods = {name: float(period.split()[0]) * seconds[period.split()[1]] for name, period in rows}
    assert periods == {job.name: job.every_seconds for job in JOBS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_of_documents_lead_to_files(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_the_index_lists_every_document() -> None:
    listed = set(re.findall(r"\]\(([\w.-]+\.md)\)", (ROOT / "docs" / "README.md").read_text()))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_the_map_names_existing_files() -> None:
    [table] = re.findall(r"## Where things are\n(.*?)\n\n[^|]", README, re.S)
    for path in re.findall(r"`([\w/]+/|[\w.]+\.py)`", table):
        assert (ROOT / path).exists() or list(ROOT.rglob(path)), path


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_flask_commands_in_documents_exist(path: Path, app: Flask) -> None:
    use_migrations(app)
    known = {
        f"{name} {sub}".strip()
        for name, command in app.cli.commands.items()
        for sub in getattr(command, "commands", {"": command})
    }
    for line in re.findall(r"(?:^|`|  )flask ([a-z][^`\n]*)", path.read_text(), re.M):
        words = line.split()
        assert words[0] in known or " ".join(words[:2]) in known, f"flask {line}"


def test_the_committed_openapi_document_matches_the_code(app: Flask, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    written = tmp_path / "openapi.json"
    assert runner.invoke(args=["openapi", "write", str(written)]).exit_code == 0
    assert runner.invoke(args=["openapi", "write", "-"]).output == written.read_text()
    assert openapi.PATH.read_text() == written.read_text(), "run: flask openapi write"
    answered = app.test_client().get("/openapi.json").get_json()
    assert json.loads(written.read_text()) == answered
