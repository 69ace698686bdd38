"""Files that survive: replaced as a whole, readable by their owner alone, on disk when their writer returns."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read(path: Path) -> Any:
    """Return the JSON of ``path``, or None where there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def write(path: Path, value: Any) -> None:
    """Write ``value`` as JSON; when this returns it is on disk, and no reader ever sees half of it."""
    write_bytes(path, json.dumps(value, indent=2).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 as :func:`write` does."""
    draft(path, content).replace(path)
    _sync(path.parent)


def draft(path: Path, content: bytes) -> Path:
    """Write ``content`` to a new file beside ``path``, and return it."""
    make(path.parent)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return aside


def make(folder: Path) -> None:
    """Make ``folder`` and those above it, of mode 0700, where they are missing."""
    if not folder.exists():
        make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


@contextmanager
def descriptor(path: Path, flags: int) -> Iterator[int]:
    """Open ``path`` for the length of a block."""
    opened = os.open(path, flags, 0o600)
    try:
        yield opened
    finally:
        os.close(opened)


def _sync(folder: Path) -> None:
    with descriptor(folder, os.O_RDONLY) as opened:
        os.fsync(opened)
