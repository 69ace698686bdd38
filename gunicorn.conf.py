"""How gunicorn serves bankapp: ``gunicorn wsgi:app`` reads this file by itself."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from gunicorn.glogging import Logger

from bankapp import db
from bankapp.logging import settings
from bankapp.services import health
from bankapp.serving import listeners
from config import Config, ConfigError

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

try:
    _config = Config.from_env()
except ConfigError as problem:
    sys.exit(f"bankapp: {problem}")

# Where the workers add their numbers up. Set before anything imports the metrics; a folder of our own, because
# what an earlier run left behind would be counted again.
_metrics = tempfile.mkdtemp(prefix="bankapp-metrics-", dir=_config.metrics_directory)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics


@atexit.register
def _clean_up() -> None:
    # The workers run this, too, when they end before the others.
    if os.getpid() == _main_pid:
        shutil.rmtree(_metrics, ignore_errors=True)


_main_pid = os.getpid()


class _Logger(Logger):
    """Leaves the line of a request to the service, which knows who asked; gunicorn puts one together for nothing."""

    def access(self, *_: Any) -> None:
        pass

    def error(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        # gunicorn guesses why a worker was killed with SIGKILL; a reader of the log would look for a leak.
        super().error(str(msg).removesuffix(" Perhaps out of memory?"), *args, **kwargs)


# No line of ours tells which process, thread or line of the code wrote it; finding that out is a seventh of its cost
# (https://docs.python.org/3/howto/logging.html#optimization).
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

# Loaded once before the fork: a bad setting stops the start at once, and workers share the code's memory.
preload_app = True
workers = _config.web_concurrency
threads = _config.web_threads
worker_class = "bankapp.serving.worker.BufferingWorker"
worker_connections = 1000
timeout = 30
graceful_timeout = 30
# With one thread a connection that was kept would wait for this worker while others are idle.
keepalive = 5 if threads > 1 else 0
# No header names another path, scheme or client: gunicorn believes them from local peers unless it is told otherwise.
# What a proxy says is read by the application, and only with TRUSTED_PROXIES.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
header_map = "drop"
# The body limit is ours; no client needs a request line or header this large.
limit_request_line = 4094
limit_request_field_size = 8190
logconfig_dict = settings(_config.log_level, _config.log_format)
logger_class = _Logger
accesslog = None
control_socket_disable = True


# What tells a process to stop. A worker that is told between its fork and the moment it listens would hear the
# master's handlers and forget it, and the master would wait for it for the whole graceful timeout.
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def _hold_stops() -> None:
    if os.getpid() == _main_pid:
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)


def _hear_stops() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


os.register_at_fork(before=_hold_stops, after_in_parent=_hear_stops)


def post_worker_init(worker: Any) -> None:
    """Let a worker hear what it was told since its fork."""
    _hear_stops()


def on_starting(server: Arbiter) -> None:
    """Serve only on tables that fit the code."""
    with server.app.wsgi().app_context():
        if db.lacks_migrations():
            sys.exit("bankapp: the database lacks migrations; run: flask db upgrade")


def post_fork(server: Arbiter, worker: Any) -> None:
    """Give each worker its own database connections."""
    with worker.app.wsgi().app_context():
        db.dispose()


def when_ready(server: Arbiter) -> None:
    """Drain before stopping: say "not ready" for a while, so that load balancers stop sending requests."""

    def stop() -> None:
        # The workers still accept what is in the queue; a connection that came later would be reset.
        for listener in server.LISTENERS:
            listeners.stop_new_connections(listener)
        server.signal(signal.SIGTERM, None)

    def drain(_signal: int, _frame: object) -> None:
        health.drain()
        timer = threading.Timer(_config.drain.total_seconds(), stop)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, drain)
