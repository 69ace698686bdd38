"""Differences of two OpenAPI documents that break clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

METHODS: Final = ("get", "post", "put", "patch", "delete")


def breaking(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the place of each breaking difference, ``/v1/path`` or the name of a schema, and what it is.

    Breaking are removed operations, successful statuses, parameters, properties and values of enums, parameters and
    members of request bodies that are newly required, and changed types.
    """
    for path, operations in old["paths"].items():
        for method in set(METHODS) & operations.keys():
            found = new["paths"].get(path, {}).get(method)
            if found is None:
                yield path, f"{method} is removed"
            else:
                for what in _operation(operations[method], found):
                    yield path, f"{method}: {what}"
    asked = set(_bodies(new))
    schemas = new["components"]["schemas"]
    for name, schema in old["components"]["schemas"].items():
        if name in schemas:
            whole = [_whole(schema, old), _whole(schemas[name], new)]
            for what in sorted(_schema(*whole, is_request=name in asked)):
                yield name, what


def _whole(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``schema``; alternatives become one object that requires what all of them require."""
    names = [each.get("$ref", "").rpartition("/")[2] for each in schema.get("oneOf", ())]
    parts = [document["components"]["schemas"][name] for name in names if name]
    if not parts:
        return schema
    properties = {name: described for part in parts for name, described in part["properties"].items()}
    required = set.intersection(*(set(part.get("required", ())) for part in parts))
    return {"type": "object", "properties": properties, "required": sorted(required)}


def _operation(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, now = (
        {(each["in"], each["name"]): each for each in operation.get("parameters", [])} for operation in (old, new)
    )
    for place, name in before.keys() - now.keys():
        yield f"the {place} parameter {name} is removed"
    for (place, name), parameter in now.items():
        if parameter.get("required") and not before.get((place, name), {}).get("required"):
            yield f"the {place} parameter {name} is newly required"
    for status in old["responses"].keys() - new["responses"].keys():
        if status.startswith("2"):
            yield f"the answer {status} is removed"


def _schema(old: Mapping[str, Any], new: Mapping[str, Any], *, is_request: bool) -> Iterator[str]:
    if old.get("type") != new.get("type"):
        yield f"the type changes from {old.get('type')} to {new.get('type')}"
    for value in set(old.get("enum", ())) - set(new.get("enum", ())):
        yield f"the value {value} is removed"
    if is_request:
        for name in set(new.get("required", ())) - set(old.get("required", ())):
            yield f"{name} is newly required"
    before, now = old.get("properties", {}), new.get("properties", {})
    for name, described in before.items():
        if name not in now:
            yield f"{name} is removed"
            continue
        kinds = [each.get("$ref", each.get("type")) for each in (described, now[name])]
        if kinds[0] != kinds[1] and "$ref" not in now[name]:
            yield f"{name} changes from {kinds[0]} to {kinds[1]}"


def _bodies(document: Mapping[str, Any]) -> Iterator[str]:
    for operations in document["paths"].values():
        for method in set(METHODS) & operations.keys():
            content = operations[method].get("requestBody", {}).get("content", {})
            for described in content.values():
                yield described["schema"].get("$ref", "").rpartition("/")[2]
