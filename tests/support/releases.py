"""Other releases of the service, each in a folder: the previous one from the history, and a next one."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest

from config import ROOT

PREVIOUS: Final = "7f1883fec2dd4b9a3ab03b11ef1df3b9d8ffe93c"
"""The commit of the previous release, which is 0.4.0. A release puts the commit of its predecessor here."""

# What a copy does without: history, environments and data. It keeps mypy's cache, which saves half a minute.
IGNORED: Final = shutil.ignore_patterns(
    ".git", ".venv*", "instance", "__pycache__", ".pytest_cache", ".hypothesis", "htmlcov"
)

_MIGRATION: Final = '''"""A column that only the next release knows."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{previous}"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("transfers", sa.Column("channel", sa.String(10), nullable=False, server_default="api"))


def downgrade():
    op.drop_column("transfers", "channel")
'''


def next_release(folder: Path) -> Path:
    """Copy this release to ``folder`` with one more migration, which adds ``transfers.channel``; return ``folder``."""
    shutil.copytree(ROOT, folder, ignore=IGNORED)
    versions = folder / "migrations/versions"
    newest = max(path.name[:4] for path in versions.glob("[0-9]*_*.py"))
    revision = f"{int(newest) + 1:04}"
    (versions / f"{revision}_channel.py").write_text(_MIGRATION.format(revision=revision, previous=newest))
    return folder


def previous_release(folder: Path) -> Path:
    """Write the previous release to ``folder`` and return it; without the history the test is skipped or fails."""
    archive = subprocess.run(["git", "archive", PREVIOUS], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        assert os.environ.get("HISTORY_REQUIRED") != "1", archive.stderr.decode()
        pytest.skip("the history lacks the previous release (git fetch --unshallow; HISTORY_REQUIRED=1 insists)")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def previous_document() -> dict[str, Any]:
    """Return the OpenAPI document of the previous release; without the history the test is skipped or fails."""
    shown = subprocess.run(["git", "show", f"{PREVIOUS}:docs/openapi.json"], cwd=ROOT, capture_output=True, check=False)
    if shown.returncode:
        assert os.environ.get("HISTORY_REQUIRED") != "1", shown.stderr.decode()
        pytest.skip("the history lacks the previous release (git fetch --unshallow; HISTORY_REQUIRED=1 insists)")
    return dict(json.loads(shown.stdout))


def run_flask(release: Path, arguments: str, database_url: str) -> None:
    """Run a ``flask`` command of a release; a failure fails the test."""
    secret = "a-secret-that-signs-no-token-of-any-test"
    environ = {"PATH": os.environ["PATH"], "DATABASE_URL": database_url, "JWT_SECRET": secret}
    command = [sys.executable, "-m", "flask", *arguments.split()]
    done = subprocess.run(command, cwd=release, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"flask {arguments}\n{done.stdout}{done.stderr}"
