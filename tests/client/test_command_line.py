"""The command line itself: help, examples, completion, and its imports."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from bankapp.client.app import Command
from bankapp.client.errors import EXIT_CODES
from bankapp.client.main import bank
from tests.client.conftest import ROOT


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            assert isinstance(command, Command)
            yield (*path, name), command


ALL = dict(commands(bank))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    text = CliRunner().invoke(bank, [*path, "--help"]).stdout
    assert "Examples:" in text
    assert "--json" in text
    assert ALL[path].help


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_example_is_a_command(path: tuple[str, ...]) -> None:
    for example in ALL[path].examples:
        line = shlex.split(example, comments=True)
        end = next((i for i, word in enumerate(line) if word in ("|", "<", ">", "&&")), len(line))
        words = line[:end]
        assert tuple(words[: len(path)]) == path
        # Parses without running: a wrong option or number of arguments fails.
        ALL[path].make_context(" ".join(path), words[len(path) :], resilient_parsing=True)


def test_the_help_and_the_page_list_the_exit_codes() -> None:
    text = CliRunner().invoke(bank, ["--help"]).stdout
    page = (ROOT / "docs" / "client.md").read_text()
    for code, meaning in EXIT_CODES.items():
        assert f"{code:>3}  {meaning}" in text
        assert f"| {code} | {meaning} |" in page


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(bank, ["nonsense"]).exit_code == 2
    assert CliRunner().invoke(bank, ["transfer"]).exit_code == 2
    assert CliRunner().invoke(bank, ["history", "--limit", "0"]).exit_code == 2


def test_the_command_line_imports_nothing_of_the_server() -> None:
    program = "import sys; from bankapp.client.main import bank; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "httpx" in loaded
    assert not {name for name in loaded if name.partition(".")[0] in ("flask", "sqlalchemy", "werkzeug", "marshmallow")}
    assert {name.split(".")[1] for name in loaded if name.startswith("bankapp.")} == {"client"}


def test_bash_completes_the_command() -> None:
    script = CliRunner().invoke(bank, ["completion", "bash"]).stdout
    program = (
        f"{script}\n"
        "COMP_WORDS=(bankapp account); COMP_CWORD=1; _bankapp_completion bankapp; echo ${COMPREPLY[@]}\n"
        "COMPREPLY=(); COMP_WORDS=(bankapp cards bl); COMP_CWORD=2; _bankapp_completion bankapp; echo ${COMPREPLY[@]}\n"
        "bankapp deposit --help | head -1"
    )
    done = subprocess.run(["bash", "-c", program], cwd="/", capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "account accounts",
        "block",
        "Usage: python -m bankapp.client deposit [OPTIONS] ACCOUNT AMOUNT",
    ], done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_for_other_shells_defines_the_program_name(shell: str) -> None:
    script = CliRunner().invoke(bank, ["completion", shell]).stdout
    assert script.count(f"{sys.executable} -m bankapp.client") == 2
