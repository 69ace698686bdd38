"""The server in production mode, with settings that keep the tests quick."""

from __future__ import annotations

from pathlib import Path

from werkzeug.test import TestResponse

from tests.support.servers import ROOT, GunicornServer, HttpClient


def production(database_url: str, folder: Path, root: Path = ROOT, **environ: str) -> GunicornServer:
    quick = {"BCRYPT_ROUNDS": "4", "RATELIMIT_ENABLED": "false", "DRAIN_SECONDS": "0", "TMPDIR": str(folder)}
    small = {"WEB_CONCURRENCY": "2", "WEB_THREADS": "1"}
    return GunicornServer(database_url, folder, root, **({"BANKAPP_ENV": "production"} | quick | small | environ))


def get(server: GunicornServer, path: str, **headers: str) -> TestResponse:
    return HttpClient(server.address).open(path, method="GET", headers=headers)
