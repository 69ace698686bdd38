"""Clients of the API as other people make them: generated from the committed document, and checked by their compilers.

The versions of the generators are pinned in ``requirements-dev.in`` and ``typescript/package-lock.json``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
DOCUMENT: Final = HERE.parents[1] / "docs" / "openapi.json"
TIMEOUT_SECONDS: Final = 300


@dataclass(frozen=True)
class GeneratedClient:
    """A program that does a customer's main job with a generated client."""

    command: tuple[str, ...]
    folder: Path
    warnings: str
    """What the generator wrote beside its progress."""

    def run(self, url: str) -> list[str]:
        """Run the program against the server at ``url``, and return the lines that it printed."""
        # Without the caller's environment: proxies of the machine must not stand between client and server.
        return output([*self.command, url], self.folder, PATH=os.environ["PATH"], PYTHONUTF8="1").splitlines()


def output(command: list[str | Path], folder: Path, **environ: str) -> str:
    """Run ``command`` in ``folder`` and return what it printed; an exit code but 0 fails the test."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ or None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done.stdout


def python_client(folder: Path) -> GeneratedClient:
    """Generate the package ``bank_api`` in ``folder`` with openapi-python-client; mypy checks the program."""
    shutil.copytree(HERE / "python", folder, dirs_exist_ok=True)
    package, program = folder / "bank_api", "main_job.py"
    settings = ["--meta", "none", "--output-path", package, "--config", folder / "generator.yaml"]
    generate = [sys.executable, "-m", "openapi_python_client", "generate", "--path", DOCUMENT, *settings]
    printed = output(generate, folder)
    check = ["--strict", "--follow-imports=silent", "--cache-dir", folder / "cache"]
    output([sys.executable, "-m", "mypy", *check, program], folder)
    return GeneratedClient((sys.executable, "-W", "error", program), folder, printed.partition("\n")[2].strip())


def typescript_client(folder: Path) -> GeneratedClient:
    """Generate the types ``bank_api.ts`` in ``folder`` with openapi-typescript; tsc checks and compiles the program.

    Skips the test without Node.js, unless CLIENTS_REQUIRED=1.
    """
    node, npm = (_required(program) for program in ("node", "npm"))
    shutil.copytree(HERE / "typescript", folder, dirs_exist_ok=True)
    output([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    programs = folder / "node_modules" / ".bin"
    printed = output([programs / "openapi-typescript", DOCUMENT, "--output", "bank_api.ts"], folder)
    output([programs / "tsc", "--project", folder], folder)
    warnings = [line for line in printed.splitlines() if line and not line.startswith(("✨", "🚀"))]
    return GeneratedClient((node, "built/main_job.js"), folder, "\n".join(warnings))


def _required(program: str) -> str:
    found = shutil.which(program)
    if found:
        return found
    reason = f"there is no {program} (Debian packages nodejs and npm; CLIENTS_REQUIRED=1 insists)"
    if os.environ.get("CLIENTS_REQUIRED") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
