"""Whether the service is able to work."""

from __future__ import annotations

import logging
from multiprocessing import Value

from bankapp import db, errors

log = logging.getLogger(__name__)

# Shared with the worker processes that are forked from this one.
_draining = Value("b", False, lock=False)


def database_answers() -> bool:
    """Tell whether the database answers ``SELECT 1`` within 2 seconds."""
    try:
        db.ping()
    except errors.Unavailable:
        log.warning("the database does not answer", exc_info=True)
        return False
    return True


def drain() -> None:
    """From now on say "not ready" in every process, so that load balancers send nobody here any more."""
    _draining.value = True


def is_draining() -> bool:
    """Tell whether the service is about to stop."""
    return bool(_draining.value)
