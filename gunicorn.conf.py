"""How gunicorn serves bankapp: ``gunicorn wsgi:app`` reads this file by itself."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from bankapp import database
from bankapp.logging import settings
from bankapp.services import health
from config import Config, ConfigError

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

try:
    _config = Config.from_env()
except ConfigError as problem:
    sys.exit(f"bankapp: {problem}")

# Loaded once before the fork: a bad setting stops the start at once, and workers share the code's memory.
preload_app = True
workers = _config.web_concurrency
threads = _config.web_threads
worker_class = "gthread" if threads > 1 else "sync"
timeout = 30
graceful_timeout = 30
keepalive = 5
# The body limit is ours; a request line or header this large is nobody's.
limit_request_line = 4094
limit_request_field_size = 8190
logconfig_dict = settings(_config.log_level, _config.log_format)
accesslog = None
control_socket_disable = True


def post_fork(server: Arbiter, worker: Any) -> None:
    """Give each worker database connections of its own."""
    with worker.app.wsgi().app_context():
        database.dispose()


def when_ready(server: Arbiter) -> None:
    """Drain before stopping: say "not ready" for a while, so that load balancers send nobody here any more."""

    def drain(_signal: int, _frame: object) -> None:
        health.drain()
        timer = threading.Timer(_config.drain.total_seconds(), server.signal, (signal.SIGTERM, None))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, drain)
