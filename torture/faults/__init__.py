"""The faults, by name. A new fault is a class and a line here."""

from __future__ import annotations

from typing import Final

from torture.faults.base import Fault
from torture.faults.databases import Conflicts, ConnectionsExhausted, FullDisk, LockHeld
from torture.faults.postgresql import BackendKill, CommitCut, Crash, Stopped
from torture.faults.processes import MasterKill, Restart, WorkerKill
from torture.faults.surroundings import LogPipe, PoolerRestart, SlowClients, WrongClock

FAULTS: Final[dict[str, type[Fault]]] = {
    fault.name: fault
    for fault in (
        *(WorkerKill, MasterKill, Restart),
        *(BackendKill, Crash, Stopped, CommitCut),
        *(ConnectionsExhausted, LockHeld, Conflicts, FullDisk),
        *(WrongClock, SlowClients, LogPipe, PoolerRestart),
    )
}


def chosen(names: list[str], database: str) -> list[type[Fault]]:
    """Return the faults with these names that fit ``database``; every fault if no name is given.

    Raises ValueError for an unknown name.
    """
    if unknown := set(names) - FAULTS.keys():
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are: {', '.join(FAULTS)}")
    return [fault for name, fault in FAULTS.items() if (not names or name in names) and database in fault.databases]
