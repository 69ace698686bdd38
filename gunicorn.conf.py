"""How gunicorn serves bankapp: ``gunicorn wsgi:app`` reads this file by itself."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from gunicorn.glogging import Logger

from bankapp import db, errors
from bankapp.logging import settings
from bankapp.services import health
from bankapp.serving import listeners, log_output
from config import Config, ConfigError

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

try:
    _config = Config.from_env()
except ConfigError as problem:
    sys.exit(f"bankapp: {problem}")

# Before the log is set up. A collector that does not read must not stop the service.
sys.stdout = log_output.without_waiting(sys.stdout)

# The folder in which the workers share their metrics. It is set before a module imports the metrics, and it is new
# for each run, because the files of an earlier run would be counted again.
try:
    _metrics = tempfile.mkdtemp(prefix="bankapp-metrics-", dir=_config.metrics_directory)
except OSError as problem:
    sys.exit(f"bankapp: PROMETHEUS_MULTIPROC_DIR or TMPDIR must name a folder that can be written: {problem}")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics


@atexit.register
def _clean_up() -> None:
    # A worker also runs this function when it ends. Only the main process removes the folder.
    if os.getpid() == _main_pid:
        shutil.rmtree(_metrics, ignore_errors=True)


_main_pid = os.getpid()


class _Logger(Logger):
    """Writes no access log: the application logs each request with its user."""

    def access(self, *_: Any) -> None:
        pass

    def error(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        # gunicorn appends a guess to the message about a worker that was killed by SIGKILL. The guess misleads.
        super().error(str(msg).removesuffix(" Perhaps out of memory?"), *args, **kwargs)


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
# No header may change the path, the scheme or the client. By default gunicorn trusts such headers of local peers.
# The application reads the headers of a proxy, and only with TRUSTED_PROXIES.
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


# The signals that stop a process. A worker that gets one between its fork and the set-up of its own handlers would run
# the master's handlers and go on, and the master would wait for the whole graceful timeout.
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def _hold_stops() -> None:
    if os.getpid() == _main_pid:
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)


def _deliver_stops() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


os.register_at_fork(before=_hold_stops, after_in_parent=_deliver_stops)


def post_worker_init(worker: Any) -> None:
    """Deliver the signals that the worker got since its fork, and count the lines of the log that it loses."""
    _deliver_stops()
    if isinstance(sys.stdout, log_output.NonBlockingOutput):
        from bankapp.api import metrics  # noqa: PLC0415 - not before the folder of the metrics is set

        sys.stdout.on_loss = metrics.of(worker.wsgi).lost_line


def on_starting(server: Arbiter) -> None:
    """End the start if an address is taken, the database does not answer, or its tables do not fit."""
    inherited = os.environ.keys() & {"GUNICORN_FD", "LISTEN_FDS"}
    try:
        if not inherited:
            listeners.demand_free(server.cfg.address)
        with server.app.wsgi().app_context():
            # In production the application has asked already.
            if not _config.is_production:
                db.demand_database()
            refusal = db.table_refusal()
    except (ConfigError, listeners.AddressTaken, errors.Unavailable) as problem:
        sys.exit(f"bankapp: {problem}")
    if refusal:
        sys.exit(f"bankapp: {refusal}")


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
