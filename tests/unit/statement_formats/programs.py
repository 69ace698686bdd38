"""Programs of other projects that read statements: Debian packages, run from the command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

PACKAGES = {"ofxdump": "ofx", "aqbanking-cli": "aqbanking-tools", "hledger": "hledger"}


def required(program: str) -> str:
    """Return the program's path. Skips the test where it is missing, unless READERS_REQUIRED=1."""
    found = shutil.which(program)
    if not found:
        reason = f"there is no {program} (Debian package {PACKAGES[program]}; READERS_REQUIRED=1 insists)"
        if os.environ.get("READERS_REQUIRED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


Found = list[dict[str, str]]


def _blocks(text: str, name: str) -> Found:
    blocks = re.findall(rf"^      {name} \{{$(.*?)^      \}} #{name}$", text, re.MULTILINE | re.DOTALL)
    return [
        {key: unquote(value) for key, value in re.findall(r'^\s+(?:char|int)\s+(\w+)="(.*)"$', block, re.MULTILINE)}
        for block in blocks
    ]


def aqbanking(data: bytes, importer: str, profile: str, folder: Path) -> tuple[Found, Found]:
    """Return the balances and the transactions that AqBanking, GnuCash's importer of bank files, finds."""
    program = required("aqbanking-cli")
    source, context = folder / "statement", folder / "context"
    source.write_bytes(data)
    context.unlink(missing_ok=True)
    call = [program, "-D", str(folder / "settings"), "-n", "import", f"--importer={importer}", f"--profile={profile}"]
    subprocess.run([*call, "-c", str(context), "-f", str(source)], check=True, capture_output=True)
    text = context.read_text()
    return _blocks(text, "balance"), _blocks(text, "transaction")


def ofxdump(data: bytes, folder: Path) -> tuple[str, str]:
    """Return the output and the messages of libofx, the OFX reader of GnuCash, KMyMoney and HomeBank."""
    program = required("ofxdump")
    source = folder / "statement.ofx"
    source.write_bytes(data)
    done = subprocess.run([program, str(source)], check=True, capture_output=True)
    return done.stdout.decode(), done.stderr.decode(errors="replace")
