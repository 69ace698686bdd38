"""``deploy/docker/Dockerfile``, step by step in a clean tree; no container is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.stage import free_port
from config import ROOT
from tests.support.servers import SECRET, until

DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
NOBODY = 65534


def steps() -> list[tuple[str, str]]:
    """Return each instruction with its arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.M).replace("\\\n", " ")
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line]


def values(instruction: str) -> list[str]:
    return [value for name, value in steps() if name == instruction]


def build(root: Path) -> Path:
    """Carry out RUN and COPY below ``root``; return the last working folder."""

    def below(path: str) -> Path:
        return root / path.lstrip("/") if path.startswith("/") else folder / path

    folder = root
    for name, value in steps():
        if name == "WORKDIR":
            folder = below(value)
            folder.mkdir(parents=True, exist_ok=True)
        elif name == "COPY" and not value.startswith("--from="):
            *sources, target = value.split()
            for source in sources:
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, below(target), ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, below(target))
        elif name == "RUN":
            command = re.sub(r"^--mount=\S+ ", "", value).replace("/opt/", f"{root}/opt/")
            command = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", command)
            subprocess.run(command, shell=True, cwd=folder, check=True, timeout=300)
    return folder


def without_rights(interpreter: Path) -> list[str]:
    """Return the words that run a command with no capability and, where it can run Python, as nobody."""
    if os.getuid() != 0:
        return []
    base = Path(interpreter).resolve()
    if all(folder.stat().st_mode & 0o001 for folder in base.parents):
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all"]
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    """Yield a folder that other users can reach, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="bankapp-image-"))
    folder.chmod(0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    shutil.rmtree(folder)


def test_the_image_serves_from_a_read_only_tree(tree: Path) -> None:
    work = build(tree)
    python = tree / "opt/venv/bin/python"
    subprocess.run(["chmod", "-R", "a-w", work, tree / "opt"], check=True)
    writable = tree / "tmp"
    writable.mkdir()
    writable.chmod(0o777)
    prefix = without_rights(python)
    environment = dict(re.findall(r"([A-Z_]+)=(\S+)", values("ENV")[0])) | {
        "PATH": f"{tree}/opt/venv/bin:{os.environ['PATH']}",
        "HOME": str(writable),
        "TMPDIR": str(writable),
        "DATABASE_URL": f"sqlite:///{writable}/bank.sqlite3",
        "JWT_SECRET": SECRET,
        "WEB_CONCURRENCY": "2",
        "DRAIN_SECONDS": "0",
    }
    refused = subprocess.run([*prefix, "touch", work / "new"], env=environment, capture_output=True, check=False)
    assert refused.returncode != 0, "the tree is writable"
    upgrade = [*prefix, python, "-m", "flask", "db", "upgrade"]
    subprocess.run(upgrade, cwd=work, env=environment, check=True, timeout=120)
    port = free_port()
    [command] = values("CMD")
    program, *arguments = json.loads(command.replace("0.0.0.0:8000", f"127.0.0.1:{port}"))
    [check] = [value.partition("CMD ")[2] for value in values("HEALTHCHECK")]
    _, *check_arguments = json.loads(check.replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
    server = subprocess.Popen([*prefix, python, "-m", program, *arguments], cwd=work, env=environment)
    try:

        def is_up() -> bool:
            assert server.poll() is None
            with suppress(OSError):
                url = f"http://127.0.0.1:{port}/v1/health/ready"
                return bool(urllib.request.urlopen(url, timeout=5).status == 200)
            return False

        until(is_up)
        subprocess.run([python, *check_arguments], check=True, timeout=20)
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)
        assert page.status == 200
    finally:
        server.terminate()
        assert server.wait(60) == 0
    assert subprocess.run([python, *check_arguments], capture_output=True, check=False, timeout=20).returncode != 0


def test_the_image_does_not_run_as_root() -> None:
    [user] = values("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert values("STOPSIGNAL") == ["SIGTERM"]


def test_the_builder_gets_what_the_image_copies() -> None:
    lines = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {source for value in values("COPY") if "--from" not in value for source in value.split()[:-1]}
    assert sent == copied
