"""The files that describe the project agree with each other."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import yaml

from config import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def test_pre_commit_runs_what_make_lint_runs() -> None:
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    [hook] = repository["hooks"]
    assert repository["repo"] == "local", "a hook from elsewhere would be fetched over the network"
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
