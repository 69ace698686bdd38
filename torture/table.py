"""The table of a run: one line for each fault, and one for the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from statistics import median

from rich.console import Console
from rich.table import Table

from torture.checker.verdict import DOUBLED, FAIL, LOST, PASS, SERVER_ERROR, UNKNOWN, Finding
from torture.history import INFO, Attempt, Strike
from torture.run import Result

COLUMNS = (
    "fault",
    "database",
    "effective",
    "requests meanwhile",
    "unknown",
    "lost",
    "doubled",
    "500s",
    "recovered in, median",
    "max",
    "verdict",
)
ALL = "all"
FINDINGS_SHOWN = 5
"""Of each rule."""


def print_results(console: Console, results: Iterable[Result]) -> None:
    """Print the table, and below it what was found and what is missing."""
    results = list(results)
    table = Table(*COLUMNS)
    for result in results:
        for row in rows(result):
            table.add_row(*row)
        table.add_section()
    console.print(table)
    for result in results:
        for line in explanations(result):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def explanations(result: Result) -> Iterator[str]:
    """Yield how often each rule is broken, the first findings of it, and the gaps."""
    database, verdict = result.plan.database, result.verdict
    for rule in dict.fromkeys(finding.rule for finding in verdict.findings):
        messages = [finding.message for finding in verdict.findings if finding.rule == rule]
        yield f"{database}: {rule}, {len(messages)} findings"
        yield from (f"  {message}" for message in messages[:FINDINGS_SHOWN])
    for gap in verdict.gaps:
        yield f"{database}: {gap}"


def rows(result: Result) -> list[tuple[str, ...]]:
    """Return the lines of one run."""
    lines = []
    for fault in dict.fromkeys(strike.fault for strike in result.strikes):
        strikes = [strike for strike in result.strikes if strike.fault == fault]
        lines.append(_row(result, fault, strikes))
    return [*lines, _row(result, ALL, result.strikes)]


def _row(result: Result, fault: str, strikes: list[Strike]) -> tuple[str, ...]:
    """Return the line of one fault, or of the whole run for ``ALL``, with what concerns operations that it hit."""
    spans = [(strike.struck, strike.recovered or strike.mended) for strike in strikes]
    attempts: list[Attempt] = []
    hit: set[str] = set()
    for entry in result.entries:
        meanwhile = [attempt for attempt in entry.attempts if fault == ALL or _overlaps(attempt, spans)]
        attempts += meanwhile
        if meanwhile:
            hit.add(entry.operation.id)
    findings = [one for one in result.verdict.findings if fault == ALL or hit.intersection(one.operations)]
    found = Counter(finding.rule for finding in findings)
    effective = sum(strike.is_effective for strike in strikes)
    seconds = [(strike.recovered - strike.mended) / 1e9 for strike in strikes if strike.recovered]
    return (
        fault,
        result.plan.database,
        f"{effective} of {len(strikes)}",
        str(len(attempts)),
        str(sum(attempt.outcome == INFO for attempt in attempts)),
        *(str(found[rule]) for rule in (LOST, DOUBLED, SERVER_ERROR)),
        f"{median(seconds):.2f} s" if seconds else "–",
        f"{max(seconds):.2f} s" if seconds else "–",
        result.verdict.outcome if fault == ALL else _verdict(findings, effective),
    )


def _verdict(findings: list[Finding], effective: int) -> str:
    if findings:
        return FAIL
    return PASS if effective else UNKNOWN


def _overlaps(attempt: Attempt, spans: list[tuple[int, int]]) -> bool:
    ended = attempt.ended or attempt.started
    return any(attempt.started <= end and ended >= start for start, end in spans)
