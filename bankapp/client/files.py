"""Reads and writes files safely: replaced as a whole, synced to disk, readable by their owner only."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read(path: Path) -> Any:
    """Return the JSON of the file ``path``, or None if there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def write(path: Path, value: Any) -> None:
    """Write ``value`` as JSON. The file is synced to disk, and a reader sees the old or the new content only."""
    write_bytes(path, json.dumps(value, indent=2).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, with the guarantees of :func:`write`."""
    draft(path, content).replace(path)
    _sync(path.parent)


def draft(path: Path, content: bytes) -> Path:
    """Write ``content`` to a new file in the folder of ``path``, and return the path of the new file."""
    make(path.parent)
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return new


def make(folder: Path) -> None:
    """Create ``folder`` and its missing parents with mode 0700."""
    if not folder.exists():
        make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


@contextmanager
def descriptor(path: Path, flags: int) -> Iterator[int]:
    """Open ``path`` and close it after the block."""
    opened = os.open(path, flags, 0o600)
    try:
        yield opened
    finally:
        os.close(opened)


def _sync(folder: Path) -> None:
    with descriptor(folder, os.O_RDONLY) as opened:
        os.fsync(opened)
