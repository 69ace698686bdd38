"""What an operator should know about this set-up (``flask doctor``).

A check returns findings. Each is green (as it should be), yellow (look at it) or red (it endangers the bank or stops
it), and says what to do. A check changes nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from bankapp import clock, context, db, errors
from bankapp.models.job_lease import FAILURE
from bankapp.repositories import diagnosis, guards, job_leases, privileges
from bankapp.services.jobs import JOBS
from config import INSTANCE, Config

GREEN: Final = "green"
YELLOW: Final = "yellow"
RED: Final = "red"

GRANT: Final = "run: flask ledger grant ROLE, as the owner of the tables"
UPGRADE: Final = "run: flask db upgrade, as the owner of the tables"
WORKER: Final = "start a worker: flask work"

SKEW_SECONDS: Final = (1.0, 60.0)
"""From the first on the clocks of this machine and of the database differ notably, from the second on dangerously."""

FREE_BYTES: Final = (2 * 1024**3, 256 * 1024**2)
"""Below the first a disk is short of space, below the second the database will soon refuse to write."""

PATIENCE: Final = 60.0
"""Seconds that a job may be later than its period before it counts as late."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: its ``level``, what was ``found``, and what to ``do`` (empty where it is green)."""

    check: str
    level: str
    found: str
    do: str = ""


def diagnose() -> Iterator[Finding]:
    """Run every check and yield what it finds. Those of the database are left out where it does not answer."""
    config = context.config()
    yield from _settings(config)
    yield from _rate_limits(config)
    yield from _disk(config)
    try:
        db.ping()
    except errors.Unavailable as problem:
        reason = " ".join(str(getattr(problem.__cause__, "orig", None) or problem).split())
        yield Finding("database", RED, f"does not answer: {reason}", "check DATABASE_URL, the network and the server")
        return
    checks: list[Callable[[], Iterator[Finding]]] = [_database, _clock, _tables]
    if db.table_refusal() is None:
        checks += [_guards, _role, _jobs]
    for check in checks:
        yield from check()


def _settings(config: Config) -> Iterator[Finding]:
    yield Finding("environment", GREEN, config.env)
    if not config.is_production:
        return
    if config.database_url.startswith("sqlite"):
        yield Finding("database", YELLOW, "production on SQLite: one machine, one writer at a time", "use PostgreSQL")
    if config.secret_key in config.jwt_secrets:
        yield Finding("secrets", YELLOW, "SECRET_KEY is a key of JWT_SECRET", "set SECRET_KEY to a secret of its own")
    else:
        yield Finding("secrets", GREEN, "JWT_SECRET and SECRET_KEY differ")
    if config.bcrypt_rounds < Config.bcrypt_rounds:
        found = f"{config.bcrypt_rounds} rounds: stolen hashes of passwords are cheap to guess"
        yield Finding("passwords", RED, found, f"set BCRYPT_ROUNDS to {Config.bcrypt_rounds} or more")
    if config.docs_enabled:
        yield Finding("documentation", YELLOW, "/docs is public", "unset DOCS_ENABLED, unless it is meant to be")
    if config.log_format != "json":
        yield Finding(
            "log", YELLOW, "the log is for a terminal", "set LOG_FORMAT to json, so that programs can read it"
        )


def _rate_limits(config: Config) -> Iterator[Finding]:
    if not config.ratelimit_enabled:
        yield Finding("rate limits", RED if config.is_production else YELLOW, "off", "unset RATELIMIT_ENABLED")
        return
    if config.ratelimit_storage_uri.startswith("memory"):
        level = YELLOW if config.is_production else GREEN
        found = "counted in each worker: with n workers, a client has n times the limit"
        yield Finding("rate limits", level, found, "set RATELIMIT_STORAGE_URI to a Redis" if level == YELLOW else "")
        return
    try:
        options = {"socket_connect_timeout": 1, "socket_timeout": 1}
        answers = storage_from_string(config.ratelimit_storage_uri, **options).check()
    except (ConfigurationError, OSError):
        answers = False
    if answers:
        yield Finding("rate limits", GREEN, "counted in Redis, which answers")
    else:
        found = "Redis does not answer: each worker counts by itself"
        yield Finding("rate limits", RED, found, "check RATELIMIT_STORAGE_URI and the Redis server")


def _disk(config: Config) -> Iterator[Finding]:
    place = INSTANCE
    if config.database_url.startswith("sqlite"):
        place = Path(config.database_url.removeprefix("sqlite:///")).parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    few, too_few = FREE_BYTES
    level = RED if free < too_few else YELLOW if free < few else GREEN
    found = f"{free / 1024**3:.1f} GiB free where {place.name or place} is"
    yield Finding("disk", level, found, "free space or enlarge the disk" if level != GREEN else "")


def _database() -> Iterator[Finding]:
    present = diagnosis.settings()
    version = present.pop("server_version")
    wanted = db.for_dialect(
        sqlite={"journal_mode": ("wal",), "synchronous": ("2", "3"), "foreign_keys": ("1",)},
        postgresql={
            "server_encoding": ("UTF8",),
            "fsync": ("on",),
            "full_page_writes": ("on",),
            "synchronous_commit": ("on", "remote_apply"),
            "default_transaction_isolation": ("read committed",),
            "timezone": ("UTC", "Etc/UTC"),
        },
    )
    wrong = {name: present.get(name, "unknown") for name, values in wanted.items() if present.get(name) not in values}
    yield Finding("database", GREEN, f"{db.for_dialect(sqlite='SQLite', postgresql='PostgreSQL')} {version}")
    for name, value in wrong.items():
        yield Finding("database setting", RED, f"{name} is {value}", f"set it to {wanted[name][0]} for this database")
    if not wrong:
        yield Finding("database setting", GREEN, ", ".join(f"{name} {value}" for name, value in present.items()))


def _clock() -> Iterator[Finding]:
    skew = (clock.now() - diagnosis.now()).total_seconds()
    notable, dangerous = SKEW_SECONDS
    level = RED if abs(skew) >= dangerous else YELLOW if abs(skew) >= notable else GREEN
    found = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the database's"
    yield Finding("clock", level, found, "synchronise the clocks of the machines (NTP)" if level != GREEN else "")


def _tables() -> Iterator[Finding]:
    if refusal := db.table_refusal():
        found, advice = refusal.split("; ", 1)
        yield Finding("tables", RED, found, advice)
    elif db.has_newer_tables():
        found = "newer than this release, which is right only during an upgrade"
        yield Finding("tables", YELLOW, found, "install the release that migrated the database")
    else:
        yield Finding("tables", GREEN, "those of this release")


def _guards() -> Iterator[Finding]:
    wanted, present = guards.of_release(), guards.present()
    missing = sorted(wanted.keys() - present.keys())
    changed = sorted(name for name in wanted.keys() & present.keys() if wanted[name] != present[name])
    restore = "restore them from migrations/versions, then run: flask ledger verify"
    if missing:
        yield Finding("triggers", RED, f"missing or off: {', '.join(missing)}", restore)
    if changed:
        yield Finding("triggers", RED, f"not the text of this release: {', '.join(changed)}", restore)
    if not missing and not changed:
        yield Finding("triggers", GREEN, f"all {len(wanted)} are there, with the text of this release")


def _role() -> Iterator[Finding]:
    if db.for_dialect(sqlite=True, postgresql=False):
        return
    role = diagnosis.role()
    powerful, owns = privileges.facts(role) or (False, False)
    if powerful or owns:
        found = f"{role} {'has powers over the server' if powerful else 'owns tables'}: no right protects the books"
        yield Finding("role", RED, found, "run the service as a role of its own (flask ledger grant)")
        return
    needed, held = diagnosis.needed_rights(), diagnosis.rights()
    tables = {table for table, _ in needed}
    missing = sorted(f"{kind} on {table}" for table, kind in needed - held)
    excess = sorted(f"{kind} on {table}" for table, kind in held - needed if table in tables)
    if missing:
        yield Finding("role", RED, f"{role} lacks {_some(missing)}", GRANT)
    if excess:
        yield Finding("role", RED, f"{role} has more rights than it needs: {_some(excess)}", GRANT)
    if not missing and not excess:
        yield Finding("role", GREEN, f"{role} has the rights that it needs, and no other")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _jobs() -> Iterator[Finding]:
    leases = {lease.name: lease for lease in job_leases.get_all()}
    late, failed = [], []
    for job in JOBS:
        lease = leases.get(job.name)
        if lease is not None and lease.last_outcome == FAILURE:
            failed.append(f"{job.name} ({lease.last_detail})")
        elif lease is None or lease.last_success_at is None:
            late.append(f"{job.name} (never)")
        else:
            age = (lease.now - lease.last_success_at).total_seconds()
            if age > 2 * job.every_seconds + PATIENCE:
                late.append(f"{job.name} ({age:.0f} s ago)")
    if failed:
        yield Finding("worker", RED, f"failed last: {', '.join(failed)}", "read the worker's log")
    if late:
        yield Finding("worker", YELLOW, f"without a success in time: {', '.join(late)}", WORKER)
    if not failed and not late:
        yield Finding("worker", GREEN, f"all {len(JOBS)} jobs succeeded in time")
