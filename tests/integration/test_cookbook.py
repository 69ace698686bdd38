"""docs/add-a-resource.md leads to a resource that works: each block is followed in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config import ROOT
from tests.support.releases import IGNORED

PAGE = ROOT / "docs/add-a-resource.md"

# Variables of the run that started this test: a run in the copy has its own.
INHERITED = ("PYTEST_", "COVERAGE_", "COV_", "BANKAPP_", "DATABASE_URL", "FLASK_", "PYTHONPATH")

_PART = re.compile(r"^\*\*(?P<path>[\w./]+)\*\*$|^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A block of the page: a new file (python), a change of a file (diff) or commands (sh)."""

    kind: str
    text: str
    path: str = ""


def steps(page: str) -> Iterator[Step]:
    """Yield the blocks of a page in order; a file's name in bold holds for the blocks that follow it."""
    path = ""
    for part in _PART.finditer(page):
        if part["path"]:
            path = part["path"]
        elif part["kind"] == "sh":
            yield Step("sh", part["text"])
        else:
            assert path, f"no file is named before: {part['text']}"
            yield Step(part["kind"], part["text"], path)


def follow(step: Step, folder: Path) -> None:
    """Do in ``folder`` what a block of Python, or of a diff, says."""
    file = folder / step.path
    if step.kind == "python":
        assert not file.exists(), f"{step.path} is there already"
        file.write_text(step.text)
    else:
        assert step.kind == "diff", f"a block of {step.kind} is no step"
        file.write_text(changed(file.read_text(), step))


def changed(text: str, step: Step) -> str:
    """Return ``text`` with the change of a diff block, whose lines must be found once."""
    lines = step.text.splitlines(keepends=True)
    assert all(line[0] in " -+\n" for line in lines), f"{step.path}: no diff: {step.text}"
    before = "".join(line[1:] or line for line in lines if line[0] != "+")
    after = "".join(line[1:] or line for line in lines if line[0] != "-")
    assert f"\n{text}".count(f"\n{before}") == 1, f"{step.path} does not have these lines once:\n{before}"
    return f"\n{text}".replace(f"\n{before}", f"\n{after}")[1:]


def run(command: str, folder: Path) -> None:
    """Run shell commands in ``folder``, with no variables of this test run."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(INHERITED)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project, with the interpreter of this test run as its environment."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT, folder, ignore=IGNORED)
    (folder / ".venv-copy").symlink_to(sys.prefix)
    return folder


@pytest.mark.slow
def test_the_page_leads_to_a_resource_that_works(copy: Path) -> None:
    newest = sorted(path.name[:4] for path in (copy / "migrations/versions").glob("[0-9]*_*.py"))[-1]
    assert f"Revision: {int(newest) + 1:04}, after {newest}" in PAGE.read_text(), "the page's migration is not the next"
    commands = []
    for step in steps(PAGE.read_text()):
        if step.kind == "sh":
            commands.append(step.text)
        else:
            follow(step, copy)
    assert commands
    python = ".venv-*/bin/python -m"
    lint = [f"{python} ruff check .", f"{python} ruff format --check .", f"{python} mypy"]
    layers = ".venv-*/bin/python -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'"
    for command in [*commands, *lint, layers]:
        run(command, copy)


def test_blocks_of_a_page() -> None:
    page = "**a.py**\n\n```python\nx = 1\n```\nand\n```diff\n+y\n```\n\n```sh\nls\n```\n"
    assert list(steps(page)) == [Step("python", "x = 1\n", "a.py"), Step("diff", "+y\n", "a.py"), Step("sh", "ls\n")]


def test_a_diff_changes_the_lines_it_names() -> None:
    text = "one\ntwo\n\nthree\n"
    assert changed(text, Step("diff", " one\n+and a half\n two\n")) == "one\nand a half\ntwo\n\nthree\n"
    assert changed(text, Step("diff", " two\n\n-three\n+four\n")) == "one\ntwo\n\nfour\n"


@pytest.mark.parametrize(
    "diff", [" two\n+x\n three\n", "+x\n e\n", " one\ntwo\n", "+x\n one\n"], ids=["gap", "half", "no-sign", "twice"]
)
def test_a_diff_that_does_not_fit_is_an_error(diff: str) -> None:
    with pytest.raises(AssertionError):
        changed("one\ntwo\n\nthree\none\n", Step("diff", diff))
