"""The WSGI entry point: ``gunicorn wsgi:app``."""

from __future__ import annotations

import sys

from bankapp import create_app
from config import ConfigError

try:
    app = create_app()
except ConfigError as problem:
    sys.exit(f"bankapp: {problem}")
