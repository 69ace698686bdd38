"""What a fault is. A new one is a subclass in a file of this folder, and a line in the registry (``__init__.py``)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torture.world import DATABASES, World


class Fault(ABC):
    """One stroke of a fault: a new object is made for each stroke, so it may keep what ``strike`` found.

    ``name`` is that of the command line and of the table. ``lasts_seconds`` pass between ``strike`` and ``mend``.
    ``shows_unknowns`` says that the fault is effective only if a client did not learn an outcome meanwhile; a fault
    that merely slows requests down sets it to False.
    """

    name: ClassVar[str]
    databases: ClassVar[tuple[str, ...]] = DATABASES
    lasts_seconds: ClassVar[float] = 0
    shows_unknowns: ClassVar[bool] = True

    @classmethod  # noqa: B027  # most faults need no preparation
    def prepare(cls, world: World) -> None:
        """Change the world before its server starts: another database URL, another environment, a program beside."""

    @abstractmethod
    def strike(self, world: World) -> None:
        """Cause the fault."""

    def mend(self, world: World) -> None:  # noqa: B027  # some faults end by themselves
        """End the fault, and start what it ended. Also called when ``strike`` raised."""

    @abstractmethod
    def evidence(self, world: World) -> str:
        """Return what shows that the fault happened, for the history; an empty string if nothing does."""
