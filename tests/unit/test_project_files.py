"""The files that describe the project agree with each other."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from config import ROOT

PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def targets_of_make() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.M))


def test_the_newest_version_of_the_changelog_is_that_of_the_project() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == "[Unreleased]"
    versions, dates = [], []
    for heading in headings[1:]:
        match = re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading)
        assert match, heading
        versions.append(Version(match[1]))
        dates.append(date.fromisoformat(match[2]))
    assert str(versions[0]) == PROJECT["project"]["version"]
    assert versions == sorted(set(versions), reverse=True)
    assert dates == sorted(dates, reverse=True)


def test_the_changelog_uses_the_headings_of_keep_a_changelog() -> None:
    kinds = set(re.findall(r"^### (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_project_table_agrees_with_the_other_files() -> None:
    project = PROJECT["project"]
    assert project["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert (ROOT / project["readme"]).exists()
    assert project["requires-python"] == ">=3.11"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py311"


def test_pre_commit_runs_what_make_lint_runs() -> None:
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    [hook] = repository["hooks"]
    assert repository["repo"] == "local", "pre-commit would fetch any other hook over the network"
    assert (hook["entry"], hook["language"]) == ("make lint", "unsupported")
    assert hook["always_run"] is True
    assert hook["pass_filenames"] is False


def test_pre_commit_names_the_tools_of_make_lint() -> None:
    [recipe] = re.findall(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.M)
    tools = dict.fromkeys(re.findall(r"-m (ruff check|ruff format|[\w-]+)|from (importlinter)", recipe))
    names = [module or {"importlinter": "import-linter"}[library] for module, library in tools]
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["hooks"][0]["name"] == "make lint: " + ", ".join(names)


def test_pre_commit_reads_its_configuration() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_editors_and_ruff_agree_on_the_length_of_a_line() -> None:
    [length] = re.findall(r"^max_line_length = (\d+)", (ROOT / ".editorconfig").read_text(), re.M)
    assert int(length) == PROJECT["tool"]["ruff"]["line-length"]


def test_the_five_calls_need_curl_and_python_only() -> None:
    [script] = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert not re.search(r"\b(grep|cut|sed|awk|jq)\b", script)


def test_every_decision_is_listed() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\(([\w.-]+)\) \|", (ROOT / "docs/decisions/README.md").read_text(), re.M)
    files = sorted(path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [name for _, name in listed] == files
    assert [number for number, _ in listed] == [name[:4] for name in files]


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_of_a_page_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    if page != "CHANGELOG.md":  # Its older entries may name files that were renamed later.
        for path in re.findall(r"`((?:bankapp|docs|tests|migrations|benchmarks|torture)/[\w./-]*)`", text):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES)
def test_targets_of_make_exist(page: str) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", (ROOT / page).read_text(), re.M))
    assert named <= targets_of_make()


def test_the_tests_that_contributing_names_exist() -> None:
    named = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", (ROOT / "CONTRIBUTING.md").read_text())
    assert named
    for path, function in named:
        assert f"def {function}" in (ROOT / Path(path)).read_text()
