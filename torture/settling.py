"""What happens between the load and the observation: every outcome becomes definite."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from torture.clients import Client
from torture.observation import Observation, observe
from torture.world import World

SETTLE_SECONDS: Final = 90
ABANDONED_AFTER_SECONDS: Final = 62
"""``flask audit settle`` leaves pending rows that are younger than a minute."""


def settle(clients: Sequence[Client]) -> None:
    """Resend every unknown operation with its key until its outcome is definite."""
    deadline = time.monotonic() + SETTLE_SECONDS
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda client: client.settle(deadline), clients))


def observe_settled(world: World, admin_email: str) -> Observation:
    """Settle abandoned audit rows as an operator does, and observe the bank.

    Rows that are still pending are settled again once they are old enough.
    """
    _settle_audit(world)
    found = observe(world, admin_email)
    if any(row["status"] == "pending" for row in found.audit):
        time.sleep(ABANDONED_AFTER_SECONDS)
        _settle_audit(world)
        found = observe(world, admin_email)
    return found


def _settle_audit(world: World) -> None:
    done = world.flask("audit", "settle")
    if done.exit_code or not re.search(r"^\d+ abandoned rows", done.stdout, re.M):
        raise RuntimeError(f"flask audit settle ended with {done.exit_code}: {done.output}")
