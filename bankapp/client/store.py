"""The files of the command line, in the user's configuration folder.

    device-id                       the device id of this installation
    profiles/NAME/tokens.json       the signed-in user, the bank and the tokens
    profiles/NAME/currencies.json   the decimals of each currency, cached for a day
    profiles/NAME/pending/KEY.json  an order without an answer

Folders have mode 0700, files 0600.
"""

from __future__ import annotations

import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import platformdirs

from bankapp.client import files

PROFILE_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Tokens:
    """The tokens of a session at the bank ``url``. Times are seconds since 1970."""

    url: str
    user_id: str
    email: str
    access_token: str = field(repr=False)
    access_expires_at: float
    refresh_token: str = field(repr=False)
    refresh_expires_at: float


@dataclass(frozen=True)
class Order:
    """A request that moves or creates something. With its key the bank carries it out at most once."""

    key: str
    url: str
    user_id: str
    path: str
    body: dict[str, Any]
    summary: str
    made_at: float


class Store:
    """The configuration folder of one installation."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or platformdirs.user_config_path("bankapp", appauthor=False)

    def device_id(self) -> str:
        """Return the id of this installation. The first call creates it."""
        path = self.root / "device-id"
        with suppress(FileNotFoundError):
            return path.read_text().strip()
        draft = files.draft(path, f"cli-{uuid.uuid4()}".encode())
        # If several processes create the id at once, one wins and all return its id.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
        return path.read_text().strip()

    def profile(self, name: str) -> Profile:
        """Return the profile ``name``. Its folder need not exist yet."""
        return Profile(self.root / "profiles" / name)


class Profile:
    """The sign-in of one user at one bank, and the user's unfinished orders."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._folder = folder
        self._tokens = folder / "tokens.json"
        self._pending = folder / "pending"

    def tokens(self) -> Tokens | None:
        """Return the stored session, or None."""
        found = files.read(self._tokens)
        return Tokens(**found) if found else None

    def keep_tokens(self, tokens: Tokens) -> None:
        """Store the session."""
        files.write(self._tokens, asdict(tokens))

    def forget_tokens(self) -> None:
        """Delete the session. Unfinished orders stay."""
        self._tokens.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the profile's lock for the block. Only one process at a time can have it."""
        files.make(self._folder)
        with files.descriptor(self._folder / "lock", os.O_RDWR | os.O_CREAT) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield

    def cached(self, name: str) -> Any:
        """Return the value that was cached as ``name``, or None."""
        return files.read(self._folder / f"{name}.json")

    def cache(self, name: str, value: Any) -> None:
        """Cache ``value`` as ``name``."""
        files.write(self._folder / f"{name}.json", value)

    def orders(self) -> list[Order]:
        """Return the orders without an answer, oldest first."""
        found = [files.read(path) for path in self._pending.glob("*.json")]
        return sorted((Order(**order) for order in found if order), key=lambda order: order.made_at)

    def add(self, order: Order) -> None:
        """Store ``order``. This must happen before it is sent."""
        files.write(self._path(order), asdict(order))

    @contextmanager
    def locked_order(self, order: Order) -> Iterator[bool]:
        """Lock a stored order for the block. Yields False if another process has the lock, or if it is settled.

        The lock ends with this process, even after a crash. The file stays until :meth:`settle`.
        """
        path = self._path(order)
        try:
            with files.descriptor(path, os.O_RDWR) as descriptor:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield path.exists()
        except (FileNotFoundError, BlockingIOError):
            yield False

    def settle(self, order: Order) -> None:
        """Delete ``order``, because its outcome is known."""
        self._path(order).unlink(missing_ok=True)

    def _path(self, order: Order) -> Path:
        # A user's own key may have characters that a file name must not have.
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{order.user_id}{order.path}{order.key}")
        return self._pending / f"{name}.json"
