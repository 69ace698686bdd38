"""``flask work``: the worker, which runs the jobs of :mod:`bankapp.services.jobs`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from bankapp import context, db, errors
from bankapp.logging import configure
from bankapp.services.jobs import JOBS
from bankapp.work import Timing, Worker

log = logging.getLogger(__name__)


@click.command("work")
@click.option("--once", is_flag=True, help="Run the jobs that are due until nothing is left to do, and end.")
@click.option(
    "--only",
    "names",
    multiple=True,
    type=click.Choice([job.name for job in JOBS]),
    help="Run only this job. With --once the job runs even if it is not due. The option can be repeated.",
)
@click.option(
    "--lease-seconds",
    type=click.FloatRange(1, 3600),
    default=Timing.lease,
    show_default=True,
    help="How long a job waits for another worker after its worker was killed.",
)
@with_appcontext
def command(once: bool, names: tuple[str, ...], lease_seconds: float) -> None:
    """Run the jobs of the bank: expire holds, seal and settle the audit log, purge, close months, verify the ledger.

    Any number of workers may run, on any machine. SIGTERM and SIGINT end the worker after the running steps, at the
    latest after 20 seconds; a second signal ends it at once.
    """
    # Other commands leave standard output to their result; the worker has none, and its log is read like the service's.
    configure(context.config().log_level, context.config().log_format)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # as Flask documents it
    jobs = [job for job in JOBS if job.name in names or not names]
    with _stop_signals() as stop:
        _demand_tables(stop, is_patient=not once)
        worker = Worker(jobs, app.app_context, stop, Timing(lease=lease_seconds))
        if once:
            sys.exit(1 if worker.run_once(early=bool(names)) else 0)
        if worker.run():
            # Python cannot end the threads of these steps. The database rolls back what they began.
            logging.shutdown()
            os._exit(0)


@contextmanager
def _stop_signals() -> Iterator[Event]:
    """Yield an event that the first SIGTERM or SIGINT sets. A second signal ends the process at once."""
    stop = Event()
    signals = (signal.SIGTERM, signal.SIGINT)

    def handle(_signal: int, _frame: object) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _demand_tables(stop: Event, *, is_patient: bool) -> None:
    """Refuse tables that this release cannot serve. ``is_patient`` waits for the database until ``stop`` is set."""
    while not stop.is_set():
        try:
            if refusal := db.table_refusal():
                raise click.ClickException(refusal)
            return
        except errors.Unavailable as problem:
            if not is_patient:
                raise click.ClickException(str(problem)) from problem
            log.warning("worker waits for the database: %s", problem)
            stop.wait(2)
