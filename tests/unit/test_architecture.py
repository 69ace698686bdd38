"""Rules for modules: what each may call, import or name, read from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

DATABASE_FOLDER = "bankapp/db"
"""The only package that handles connections, transactions and dialects."""

QUERY_FOLDERS = ("bankapp/repositories", "bankapp/models", "migrations", DATABASE_FOLDER)
CORE_FOLDERS = ("bankapp/services", "bankapp/repositories", "bankapp/models")
WEB_PACKAGES = {"flask", "werkzeug", "marshmallow"}
PROBLEM_MODULE = "bankapp/api/errors.py"
PROBLEM_MEDIA_TYPE = "application/problem+json"

Find = Callable[[ast.Module], list[int]]
"""Returns the lines of a module that break a rule."""


def commits(tree: ast.Module) -> list[int]:
    """Calls of a method that ends a transaction."""
    return [call.lineno for call in calls(tree) if called(call) in {".commit", ".rollback"}]


def web_imports(tree: ast.Module) -> list[int]:
    """Imports of the web framework, its extensions or its schemas."""
    return [line for line, name, _ in imports(tree) if name in WEB_PACKAGES or name.startswith("flask_")]


def query_builders(tree: ast.Module) -> list[int]:
    """Imports of SQLAlchemy's ``text`` or ``select``, and uses of them through the package's name."""
    taken = [line for line, name, what in imports(tree) if name == "sqlalchemy" and what in {"text", "select"}]
    through = [call.lineno for call in calls(tree) if called(call) in {"sa.text", "sa.select", "sqlalchemy.text"}]
    return taken + through


def dialect_questions(tree: ast.Module) -> list[int]:
    """Definitions, imports and uses of ``is_sqlite``."""
    named = (node for node in ast.walk(tree) for field in ("id", "attr", "name") if is_dialect_name(node, field))
    return [node.lineno for node in named if isinstance(node, ast.expr | ast.stmt | ast.alias)]


def error_answers(tree: ast.Module) -> list[int]:
    """The media type of problems, ``abort``, and responses that are made with a status of 400 or more."""
    found = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Constant) and is_problem_type(node)]
    for call in calls(tree):
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        refuses = any(isinstance(one, ast.Constant) and is_error_status(one.value) for one in given)
        if called(call) == "abort" or (called(call) in {"Response", "make_response"} and refuses):
            found.append(call.lineno)
    return found


def is_dialect_name(node: ast.AST, field: str) -> bool:
    return getattr(node, field, None) == "is_sqlite"


def is_problem_type(constant: ast.Constant) -> bool:
    return constant.value == PROBLEM_MEDIA_TYPE


def is_error_status(value: object) -> bool:
    return type(value) is int and 400 <= value < 600


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """Return what is called: ``name``, ``package.name`` for the packages of SQLAlchemy, or ``.method``."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    if isinstance(call.func, ast.Attribute):
        owner = call.func.value
        of_package = isinstance(owner, ast.Name) and owner.id in {"sa", "sqlalchemy"}
        return f"{owner.id if of_package else ''}.{call.func.attr}"  # type: ignore[attr-defined]
    return ""


def imports(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield line, top package and imported name (empty for a whole module) of each import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0], "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, node.module.split(".")[0], alias.name) for alias in node.names)


def modules(*folders: str) -> dict[str, ast.Module]:
    """Return the syntax tree of each module in ``folders``, by its path from the root."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): parsed(path) for path in paths}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def lies_in(path: str, folders: tuple[str, ...]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def offences(find: Find, folders: tuple[str, ...], *, allowed: tuple[str, ...] = ()) -> dict[str, list[int]]:
    """Return the lines that break a rule in ``folders``, by path, without those in the ``allowed`` folders."""
    found = {path: find(tree) for path, tree in modules(*folders).items() if not lies_in(path, allowed)}
    return {path: lines for path, lines in found.items() if lines}


def test_only_the_database_folder_ends_transactions() -> None:
    assert offences(commits, ("bankapp",), allowed=(DATABASE_FOLDER,)) == {}


def test_the_core_imports_no_web_framework() -> None:
    assert offences(web_imports, CORE_FOLDERS) == {}


def test_only_repositories_models_and_migrations_build_queries() -> None:
    assert offences(query_builders, ("bankapp",), allowed=QUERY_FOLDERS) == {}


def test_only_the_database_folder_asks_for_the_dialect() -> None:
    assert offences(dialect_questions, ("bankapp",), allowed=(DATABASE_FOLDER,)) == {}


def test_only_one_module_makes_error_answers() -> None:
    # The client reads problems and sends none.
    found = offences(error_answers, ("bankapp",), allowed=("bankapp/client",))
    assert set(found) == {PROBLEM_MODULE}


@pytest.mark.parametrize(
    ("find", "source", "lines"),
    [
        (commits, "db.session.commit()\nafter_commit(call)\nconnection.rollback()", [1, 3]),
        (web_imports, "import flask\nfrom werkzeug.wrappers import Request\nfrom flask_smorest import Api", [1, 2, 3]),
        (web_imports, "from bankapp.extensions import db\nimport flaskless", []),
        (query_builders, "from sqlalchemy import Row, select\nimport sqlalchemy as sa\nsa.text('SELECT 1')", [1, 3]),
        (query_builders, "from tests import text\nself.text('of a page')", []),
        (dialect_questions, "if database.is_sqlite():\n    pass\nfrom bankapp.database import is_sqlite", [1, 3]),
        (error_answers, "Response(body, 404)\nmake_response(body, 200)\nabort(409)", [1, 3]),
        (error_answers, "Response(body, mimetype='application/problem+json')", [1]),
        (error_answers, "words = 'Every error is application/problem+json.'\nMAXIMUM = 500", []),
    ],
)
def test_each_rule_finds_its_offences(find: Find, source: str, lines: list[int]) -> None:
    assert sorted(find(ast.parse(source))) == lines
