"""Reads run files: lists of commands in which later steps can use the results of earlier ones.

docs/client.md describes the format. Every scalar is read as text, so ``amount: 12.10`` is 12.10 and
never a float.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import yaml

from bankapp.client.money import Currencies, currency_of, is_amount

Values = dict[str, Any]

_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)\}")
_MEMBERS: Final = frozenset({"say", "do", "with", "as", "profile", "expect", "refused"})


@dataclass(frozen=True)
class Step:
    """One step: the command ``do`` with its values, and the expected outcome."""

    number: int
    do: tuple[str, ...] = ()
    say: str = ""
    given: Values = field(default_factory=dict)
    name: str | None = None
    profile: str | None = None
    expected: Values = field(default_factory=dict)
    refused: str | None = None


def load(path: Path) -> list[Step]:
    """Read a run file: JSON if its name ends in ``.json``, else YAML. Raises UsageError."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            found = json.loads(text, parse_int=str, parse_float=str)
        else:
            # The base loader creates no objects and leaves every scalar as text.
            found = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - see above
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise click.UsageError(f"{path}: {problem}") from None
    if not isinstance(found, list):
        raise click.UsageError(f"{path}: a run file is a list of steps.")
    return [_step(number, item, path) for number, item in enumerate(found, 1)]


def _step(number: int, item: Any, path: Path) -> Step:
    where = f"{path}, step {number}"
    if not isinstance(item, dict) or not item.keys() <= _MEMBERS or not {"do", "say"} & item.keys():
        raise click.UsageError(f"{where}: a step has `do` or `say`; it can have {', '.join(sorted(_MEMBERS))}.")
    maps = {name: item.get(name) or {} for name in ("with", "expect")}
    texts = {name: item.get(name) or "" for name in ("do", "say", "as", "profile", "refused")}
    if not all(isinstance(value, dict) for value in maps.values()):
        raise click.UsageError(f"{where}: `with` and `expect` are maps of names to values.")
    if not all(isinstance(value, str) for value in texts.values()):
        raise click.UsageError(f"{where}: `do`, `say`, `as`, `profile` and `refused` are texts.")
    return Step(
        number=number,
        do=tuple(texts["do"].split()),
        say=texts["say"],
        given=maps["with"],
        name=texts["as"] or None,
        profile=texts["profile"] or None,
        expected=maps["expect"],
        refused=texts["refused"] or None,
    )


class Results:
    """The results of earlier steps, by name."""

    def __init__(self, currencies: Currencies | None, known: Mapping[str, Any]) -> None:
        self.currencies = currencies
        self._known = dict(known)

    def add(self, name: str, document: Any) -> None:
        """Store ``document`` as ``name`` for later steps."""
        self._known[name] = document

    def fill(self, text: str) -> str:
        """Replace each ``${name.member}`` in ``text``. Raises UsageError if there is no such member."""
        return _REFERENCE.sub(lambda found: self.text_of(self._known, found[1]), text)

    def text_of(self, document: Any, path: str) -> str:
        """Return the member of ``document`` at a dotted path as text.

        An amount of money is converted to major units, because commands take amounts in major units.
        """
        parent: Any = None
        currency: str | None = None
        name = ""
        found = document
        for name in path.split("."):
            parent = found
            try:
                found = parent[int(name)] if isinstance(parent, list) else parent[name]
            except (LookupError, TypeError, ValueError):
                raise click.UsageError(f"There is no {path!r} in the results.") from None
            if isinstance(parent, Mapping) and parent is not self._known:
                currency = currency_of(parent) or currency
        if isinstance(parent, Mapping) and is_amount(parent, name) and self.currencies:
            if currency is None:
                raise click.UsageError(f"The currency of {path!r} is unknown.")
            return self.currencies.major(found, currency)
        if isinstance(found, bool | None):
            return json.dumps(found)
        return json.dumps(found) if isinstance(found, dict | list) else str(found)


def arguments(command: click.Command, values: Mapping[str, str], label: str) -> tuple[list[str], list[str]]:
    """Return ``values`` as the arguments and the options of ``command``.

    Values that are required and missing, or empty, are asked for; ``label`` begins the question. Raises
    UsageError for a value that the command does not take.
    """
    left = dict(values)
    options: list[str] = []
    positional: list[str] = []
    for parameter in command.params:
        names = _names(parameter)
        value = next((left.pop(name) for name in names if name in left), None)
        if value is None and not parameter.required:
            continue
        value = value or click.prompt(f"{label}: {names[0]}", err=True)
        if isinstance(parameter, click.Option):
            options += _option(parameter, value)
        else:
            positional.append(value)
    if left:
        raise click.UsageError(f"{label}: there is no {', '.join(sorted(left))}.")
    return positional, options


def _option(option: click.Option, value: str) -> list[str]:
    flag = option.opts[0]
    if not option.is_flag:
        return [f"{flag}={value}"]
    return [flag] if value.lower() in ("true", "yes", "1") else []


def _names(parameter: click.Parameter) -> list[str]:
    """Return the names of a parameter in a run file. They are those of the command's help."""
    if isinstance(parameter, click.Option):
        return [option.lstrip("-").replace("-", "_") for option in parameter.opts]
    return [str(parameter.metavar or parameter.name).lower()]
