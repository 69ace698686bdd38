"""Each path and each Python name that a document mentions exists.

The test checks links, and words between backquotes outside blocks of code. A word is a path when it begins with a
folder of the repository or has the suffix of one of its files. It is a name when it is ``module.name``,
``Class.name`` or ``table.column`` of a module, class or table of ``bankapp``. Nothing is imported.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bankapp.models.event import TYPES

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("bankapp", "benchmarks", "deploy", "docs", "migrations", "static", "templates", "tests", "torture")
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

# Words that look like paths or names of this repository, and what they are instead.
FOREIGN = {
    "statement.csv": "a file that a customer downloads",
    "tokens.json": "a file that the client keeps",
    "observation.json": "a file that a run of make torture leaves",
    "currencies.json": "a file that the client keeps",
    "bankapp.access": "the name of a logger",
    "bankapp.events": "the name of a logger",
    **dict.fromkeys(TYPES, "the type of an event"),
}

SUFFIXES = "css html js json lock lua md mjs py sql toml txt xsd yaml yml"
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./*-]*|[\w][\w./*-]*\.(?:{'|'.join(SUFFIXES.split())})")
NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\(.*\))?")
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


def words(text: str) -> set[str]:
    """Return the words between backquotes, without punctuation around them."""
    spans = SPAN.findall(BLOCK.sub("", text))
    return {word.strip(",;:") for span in spans for word in span.split()}


def links(text: str) -> set[str]:
    """Return the targets of links and images within the repository, relative to the document."""
    found = {(one or other).partition("#")[0] for one, other in LINK.findall(BLOCK.sub("", text))}
    return {target for target in found if target and "://" not in target and not target.startswith(("/", "mailto:"))}


def is_path(word: str) -> bool:
    return PATH.fullmatch(word) is not None


def path_exists(word: str) -> bool:
    """Tell whether ``word`` is a path from the root or the end of one; ``*`` stands for anything."""
    pattern = "/" + re.escape(word.rstrip("/")).replace(r"\*", "[^/]*")
    return any(re.search(f"{pattern}$", f"/{path}") for path in paths())


@cache
def paths() -> tuple[str, ...]:
    """Return the paths of all files and folders of the repository."""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        files += [ROOT / folder, *(ROOT / folder).rglob("*")]
    return tuple(path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts)


def unknown_name(word: str) -> str | None:
    """Return the part of a dotted name that ``bankapp`` does not define, or None; foreign names are not checked."""
    match = NAME.fullmatch(word)
    if match is None:
        return None
    parts = match[1].split(".")
    for owner, name in itertools.pairwise(parts):
        if owner not in members():
            return None
        if name not in members()[owner]:
            return f"{owner}.{name}"
    return None


@cache
def members() -> dict[str, set[str]]:
    """Return the names that each module, package, class and table of ``bankapp`` defines, by its last name.

    The names of modules with the same name are merged.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "bankapp").rglob("*.py")):
        own_name = path.parent.name if path.name == "__init__.py" else path.stem
        if path.name == "__init__.py":
            found[own_name] |= {each.stem for each in path.parent.iterdir() if each.suffix in {".py", ""}}
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[own_name] |= set(defined(tree.body))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                names = set(defined(node.body))
                found[node.name] |= names
                found[table(node) or node.name] |= names
    return found


def defined(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements define, those of imports included."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (part.id for each in targets for part in ast.walk(each) if isinstance(part, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.If(body=first, orelse=second):
                yield from defined([*first, *second])


def table(node: ast.ClassDef) -> str | None:
    """Return the table that a class maps, or None."""
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__tablename__")], value=ast.Constant(value=str(name))):
                return name
    return None


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_and_names_in_a_document_exist(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    named = words(text) - set(FOREIGN)
    assert sorted(link for link in links(text) if not (path.parent / link).exists()) == []
    assert sorted(word for word in named if is_path(word) and not path_exists(word)) == []
    assert sorted(word for word in named if not is_path(word) and unknown_name(word)) == []


def test_each_decision_is_in_the_list() -> None:
    listed = links((ROOT / "docs/decisions/README.md").read_text(encoding="utf-8"))
    assert listed >= {path.name for path in ROOT.glob("docs/decisions/0*.md")}


def test_existing_and_missing_paths_are_told_apart() -> None:
    for word in ("bankapp/money.py", "services/ledger.py", "ledger.py", "docs/", "tests/*/test_config.py"):
        assert is_path(word)
        assert path_exists(word)
    for word in ("bankapp/no_such_module.py", "edger.py", "docs/nothing/", "bankapp/api.py"):
        assert is_path(word)
        assert not path_exists(word)
    assert not any(map(is_path, ["/openapi.json", "instance/", "12.34", "~/.config/bankapp", "make"]))


def test_existing_and_missing_names_are_told_apart() -> None:
    known = ["errors.NotFound", "bankapp.money.MAX_AMOUNT", "BankError.code", "accounts.balance", "context.user()"]
    foreign = ["flask.session", "savings.id", "money", "12.34", "psycopg.Error"]
    assert [unknown_name(word) for word in known + foreign] == [None] * 10
    assert unknown_name("errors.NoSuchError") == "errors.NoSuchError"
    assert unknown_name("bankapp.money.no_such_name()") == "money.no_such_name"
    assert unknown_name("accounts.no_such_column") == "accounts.no_such_column"


def test_words_and_links_are_found_in_a_text() -> None:
    text = "Run `python -m x.py`, see [a](b.md#c), [d](https://e.example) and `f`.\n```\n`g`\n```\n"
    assert words(text) == {"python", "-m", "x.py", "f"}
    assert links(text) == {"b.md"}
