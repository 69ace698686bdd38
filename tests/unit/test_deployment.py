"""The files of ``deploy/`` for containers and systemd name settings, commands and files that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask_migrate.cli import db as migrations

import config
from bankapp import create_app
from config import ROOT, SETTINGS, Config, Production

DOCKER = ROOT / "deploy/docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
NAMES = {setting.name for setting in SETTINGS}
FOREIGN = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "FLASK_APP", "PATH", "HOME", "TMPDIR"}
OURS = ("migrate", "web", "worker")


def unit(path: Path) -> dict[str, list[str]]:
    """Return the values of each directive of a unit."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def assert_commands_exist(text: str) -> None:
    # Flask finds the commands of Flask-Migrate by an entry point.
    commands = create_app(config.Testing(**BASE)).cli.commands | {"db": migrations}
    for words in re.findall(r"flask ((?:[a-z]+ ?)+)", text):
        first, *rest = words.split()
        assert first in commands, words
        group = commands[first]
        if rest:
            assert rest[0] in getattr(group, "commands", {}), words


BASE: dict[str, Any] = {
    "database_url": "sqlite:////nonexistent/bank.sqlite3",
    "jwt_secrets": ("a-test-secret-that-every-worker-shares",),
    "secret_key": "a-test-secret-that-every-worker-shares",
}


def test_each_part_of_the_compose_file_exists() -> None:
    for name, service in SERVICES.items():
        assert "image" in service, name
        assert set(service.get("networks", [])) <= set(COMPOSE["networks"]), name
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        for needed, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy" and needed != "web":
                assert "test" in SERVICES[needed]["healthcheck"], "web has the health check of its image"
        sources = [volume.split(":")[0] for volume in service.get("volumes", [])]
        for source in sources:
            assert (
                "secrets/" in source
                or source in COMPOSE["volumes"]
                or (source.startswith(".") and (DOCKER / source).exists())
            ), source
    assert (DOCKER / COMPOSE["x-bankapp"]["build"]["context"] / COMPOSE["x-bankapp"]["build"]["dockerfile"]).exists()


def test_the_compose_file_sets_what_the_service_reads() -> None:
    for name in OURS:
        assert set(SERVICES[name].get("environment", {})) <= NAMES, name
        assert SERVICES[name]["read_only"], name
        assert SERVICES[name]["cap_drop"] == ["ALL"], name
        environment = SERVICES[name].get("environment", {})
        Config.from_env({**environment, "JWT_SECRET": "a-test-secret-that-every-worker-shares"})
        assert_commands_exist(str(SERVICES[name].get("command", "")))


def test_only_nginx_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]


def test_the_compose_file_changes_the_address_that_nginx_has() -> None:
    [address] = re.findall(r"s/(.+?)/web:8000/", SERVICES["nginx"]["command"][2])
    assert f"server {address} " in (ROOT / "deploy/nginx.conf").read_text()


def test_the_compose_file_keeps_no_secret() -> None:
    for name, service in SERVICES.items():
        for file in service.get("env_file", []):
            example = DOCKER / f"{Path(file).name}.example"
            lines = example.read_text().splitlines()
            for line in lines:
                setting, _, value = line.partition("=")
                assert setting in NAMES or name == "postgres", line
                assert not value or ":CHANGE@" in value, line
    assert "/deploy/docker/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_roles_of_the_compose_file_are_those_of_its_examples() -> None:
    script = (DOCKER / "roles.sh").read_text()
    assert subprocess.run(["bash", "-n", DOCKER / "roles.sh"], check=False).returncode == 0
    given = re.findall(r"^(\w+)=", (DOCKER / "postgres.env.example").read_text(), re.M)
    assert set(re.findall(r"\$\{(\w+_PASSWORD):\?\}", script)) == set(given) - {"POSTGRES_PASSWORD"}
    for name in ("app", "owner"):
        text = (DOCKER / f"{name}.env.example").read_text()
        [role] = re.findall(r"postgresql://(\w+):", text)
        assert f"CREATE ROLE {role} LOGIN" in script


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_names_settings_and_commands_that_exist(path: Path) -> None:
    directives = unit(path)
    for line in directives["Environment"]:
        assert {word.partition("=")[0] for word in line.split()} <= NAMES | FOREIGN
    for command in directives["ExecStart"]:
        assert_commands_exist(command)
    for needed in " ".join(directives.get("Requires", [])).split():
        assert (path.parent / needed).exists()
    assert directives["ProtectSystem"] == ["strict"]
    assert directives["CapabilityBoundingSet"] == [""]


def test_systemd_waits_longer_than_the_service_stops() -> None:
    [seconds] = unit(ROOT / "deploy/systemd/bankapp.service")["TimeoutStopSec"]
    [graceful] = re.findall(r"^graceful_timeout = (\d+)", (ROOT / "gunicorn.conf.py").read_text(), re.M)
    drain = Production(**BASE).drain.total_seconds()
    assert int(seconds) > drain + int(graceful)
    assert int(SERVICES["web"]["stop_grace_period"].removesuffix("s")) > drain + int(graceful)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_accepts_a_unit(path: Path, tmp_path: Path) -> None:
    for each in UNITS:
        # verify wants to find the program.
        (tmp_path / each.name).write_text(each.read_text().replace("/opt/venv/bin/python", "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / path.name]
    verified = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", tmp_path / path.name]
    rated = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert rated.returncode == 0, rated.stdout[-500:] + rated.stderr
