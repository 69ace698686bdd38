"""The health of the service: whether the database answers, and whether the server is draining."""

from __future__ import annotations

import logging
from multiprocessing import Value

from bankapp import db, errors

log = logging.getLogger(__name__)

# Shared with the worker processes that this process forks.
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
    """Mark every process of this server as not ready, so that load balancers send no further requests."""
    _draining.value = True


def is_draining() -> bool:
    """Tell whether :func:`drain` was called: the server is about to stop."""
    return bool(_draining.value)
