"""``make trace``: the table has a line for each request, and counts a known call tree correctly."""

from __future__ import annotations

from pathlib import Path
from types import CodeType

from benchmarks import stage, trace

HELPER = "def helper():\n    return None\n"
VIEW = "def view(connection):\n    helper()\n    helper()\n    inner(connection)\n\n"
INNER = "def inner(connection):\n    connection.execute('SELECT 1')\n    helper()\n"


def define(source: str, file: str, names: dict[str, object]) -> None:
    """Define the functions of ``source`` as if they were in a file of ``bankapp/``."""
    code: CodeType = compile(source, f"{stage.ROOT}/bankapp/{file}", "exec")
    exec(code, names)


def test_calls_files_and_frames_of_a_known_tree(tmp_path: Path) -> None:
    import sqlite3

    names: dict[str, object] = {}
    define(HELPER, "helpers.py", names)
    define(VIEW + INNER, "views.py", names)
    view = names["view"]
    connection = sqlite3.connect(tmp_path / "empty.sqlite3")
    found = trace.Trace(view.__code__)  # type: ignore[attr-defined]
    found.start()
    try:
        view(connection)  # type: ignore[operator]
        len("a foreign call")
    finally:
        found.stop()
        connection.close()
    # The calls are view, helper, helper, inner, helper. The file changes at the second, fourth and fifth call.
    assert (len(found.calls), found.functions, found.files, found.file_changes) == (5, 3, 2, 3)
    assert found.depths == [1]


def test_each_request_has_a_line(tmp_path: Path) -> None:
    lines = trace.rows("SQLite", f"sqlite:///{tmp_path}/trace.sqlite3")
    requests = ["POST /v1/transfers", "GET /v1/accounts/{id}", "POST /v1/auth/login"]
    for line, request in zip(lines, requests, strict=True):
        name, database, calls, functions, files, changes, frames = (cell.strip() for cell in line.split("|")[1:-1])
        assert (name, database) == (request, "SQLite")
        assert int(calls) >= int(functions) >= int(files) > 5
        assert int(calls) > int(changes) >= int(files) - 1
        assert frames != "–"
