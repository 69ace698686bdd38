"""Each step of a request that docs/architecture.md lists is a function of the file that it names."""

from __future__ import annotations

import ast
import re

import pytest

from config import ROOT

STEP = re.compile(r"^\| (\d+) \| `([\w/]+\.py)` \| ((?:`[\w.]+`(?:, )?)+) \|", re.MULTILINE)
STEPS = STEP.findall((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))


def functions(node: ast.AST, owner: str = "") -> set[str]:
    """Return the names of the functions in ``node``, those of methods with their class."""
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            found |= {owner + child.name} | functions(child)
        else:
            found |= functions(child, f"{child.name}." if isinstance(child, ast.ClassDef) else owner)
    return found


def test_both_requests_have_their_steps() -> None:
    assert [int(number) for number, _, _ in STEPS] == [*range(1, 14), *range(5, 17)]


@pytest.mark.parametrize(("path", "names"), [(path, names) for _, path, names in STEPS])
def test_the_functions_of_a_step_exist(path: str, names: str) -> None:
    defined = functions(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    assert set(re.findall(r"`([\w.]+)`", names)) - defined == set()
