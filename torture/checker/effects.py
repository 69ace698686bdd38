"""Effects: what an operation leaves behind, as its answer promised it and as the final state shows it.

An effect has a *key*: its kind and the mark of its operation, or the resource that can have it only once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torture.checker.verdict import APPLIED_REFUSAL, CHANGED, DOUBLED, LOST, UNEXPLAINED, Finding
from torture.history import FAIL, OK, Entry
from torture.observation import Observation
from torture.operations import Operation

Row = dict[str, Any]
Key = tuple[str, str]

_HOLD = ("id", "card_id", "account_id", "amount", "currency", "merchant", "created_at", "expires_at")


@dataclass(frozen=True)
class Effect:
    """One movement of money or one change of a hold. ``content`` is what is the same in answer and final state."""

    kind: str
    mark: str
    content: Row

    @property
    def key(self) -> Key:
        """Kind and mark."""
        return self.kind, self.mark


def check_effects(entries: Sequence[Entry], observation: Observation) -> Iterator[Finding]:
    """Yield what is lost, doubled, changed or unexplained, and refusals that had an effect."""
    promised: dict[Key, list[tuple[str, Effect]]] = defaultdict(list)
    for entry in entries:
        for effect in promised_effects(entry):
            promised[effect.key].append((entry.operation.id, effect))
    observed: dict[Key, list[Effect]] = defaultdict(list)
    for effect in observed_effects(observation):
        observed[effect.key].append(effect)
    refused = _keys(entries, FAIL)
    possible = _keys(entries, None)
    for key, effects in promised.items():
        yield from _compare(key, effects, observed.get(key, []))
    for key, found in observed.items():
        if key in promised or key in possible:
            if key not in promised and len(found) > 1:
                yield Finding(DOUBLED, f"{_name(key)} is there {len(found)} times", tuple(possible[key]))
        elif key in refused:
            yield Finding(APPLIED_REFUSAL, f"{_name(key)} was refused, but {found[0].content}", tuple(refused[key]))
        else:
            yield Finding(UNEXPLAINED, f"no operation explains {_name(key)}: {found[0].content}")
    for entry in entries:
        yield from _unlike_the_order(entry)


def promised_effects(entry: Entry) -> list[Effect]:
    """Return the effects that the answer to an operation promises; none without a success."""
    if entry.answer is None or entry.outcome != OK:
        return []
    return list(_of_answer(entry.operation, entry.answer.body))


def _of_answer(operation: Operation, body: Row) -> Iterator[Effect]:
    kind = operation.kind
    if kind in ("deposit", "withdrawal"):
        yield Effect(kind, operation.id, body)
    elif kind == "transfer":
        yield _transfer(operation.id, body)
    elif kind == "reversal":
        yield Effect(kind, target(operation), _without_reversal(body))
    elif kind == "batch":
        for item in body["items"]:
            if "transfer" in item:
                yield _transfer(f"{operation.id}/{item['index']}", item["transfer"])
    elif kind == "authorization":
        yield _hold(operation.id, body)
    elif kind == "capture":
        yield Effect(kind, body["id"], {"captured_amount": body["captured_amount"]})
    elif kind == "void":
        yield Effect(kind, body["id"], {})


def observed_effects(observation: Observation) -> Iterator[Effect]:
    """Yield the effects that the final state shows. The legs of a transfer or purchase are no effects."""
    for rows in observation.transactions.values():
        for row in rows:
            if row["type"] in ("deposit", "withdrawal"):
                yield Effect(row["type"], row["description"], row)
    for row in observation.transfers:
        if row["reverses_transfer_id"] is None:
            yield _transfer(row["description"], row)
        else:
            yield Effect("reversal", row["reverses_transfer_id"], _without_reversal(row))
    for row in observation.authorizations:
        if row["status"] != "declined":
            yield _hold(row["merchant"], row)
        if row["status"] == "captured":
            yield Effect("capture", row["id"], {"captured_amount": row["captured_amount"]})
        elif row["status"] not in ("pending", "declined"):
            yield Effect("void" if row["status"] == "voided" else row["status"], row["id"], {})


def target(operation: Operation) -> str:
    """Return the id of the resource in the path of a capture, void or reversal."""
    return operation.path.split("/")[2]


def _compare(key: Key, promised: list[tuple[str, Effect]], found: list[Effect]) -> Iterator[Finding]:
    operations = tuple(operation for operation, _ in promised)
    if not found:
        yield Finding(LOST, f"{_name(key)} was answered as done and is not there", operations)
    elif len(found) > 1:
        yield Finding(DOUBLED, f"{_name(key)} is there {len(found)} times", operations)
    if len(promised) > 1:
        yield Finding(DOUBLED, f"{_name(key)} was answered as done to {len(promised)} operations", operations)
    for operation, effect in promised:
        if len(found) == 1 and effect.content != found[0].content:
            message = f"{_name(key)} was answered as {effect.content} and is {found[0].content}"
            yield Finding(CHANGED, message, (operation,))


def _keys(entries: Iterable[Entry], outcome: str | None) -> dict[Key, list[str]]:
    """Return the keys that were asked for with this outcome, with their operations.

    Each transfer of a batch has a key; one that a successful batch refused has the outcome ``fail``.
    """
    found: dict[Key, list[str]] = defaultdict(list)
    for entry in entries:
        promised = {effect.key for effect in promised_effects(entry)}
        rest = FAIL if entry.outcome == OK else entry.outcome
        for key in _keys_of(entry.operation):
            if outcome == (OK if key in promised else rest):
                found[key].append(entry.operation.id)
    return found


def _keys_of(operation: Operation) -> list[Key]:
    if operation.kind == "batch":
        orders = (operation.body or {})["transfers"]
        return [("transfer", f"{operation.id}/{index}") for index in range(len(orders))]
    if operation.kind in ("capture", "void", "reversal"):
        return [(operation.kind, target(operation))]
    return [(operation.kind, operation.id)] if operation.has_key else []


def _unlike_the_order(entry: Entry) -> Iterator[Finding]:
    """Yield a finding where an answer says something else than was ordered."""
    operation = entry.operation
    order = operation.body or {}
    effects = promised_effects(entry)
    orders = [order]
    if operation.kind == "batch":
        orders = [order["transfers"][int(effect.mark.partition("/")[2])] for effect in effects]
    elif operation.kind == "capture":
        orders = [{"captured_amount": order["amount"]} if "amount" in order else {}]
    for asked, effect in zip(orders, effects, strict=False):
        if not asked.items() <= effect.content.items():
            message = f"{_name(effect.key)} was ordered as {asked} and answered as {effect.content}"
            yield Finding(CHANGED, message, (operation.id,))


def _transfer(mark: str, row: Row) -> Effect:
    return Effect("transfer", mark, _without_reversal(row))


def _hold(mark: str, row: Row) -> Effect:
    return Effect("authorization", mark, {name: row[name] for name in _HOLD})


def _without_reversal(row: Row) -> Row:
    # A later reversal changes this field.
    return {name: value for name, value in row.items() if name != "reversed_by_transfer_id"}


def _name(key: Key) -> str:
    return f"{key[0]} {key[1]}"
