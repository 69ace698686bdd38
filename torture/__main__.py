"""``make torture``: clients move money while faults strike; the checker says whether the money is right."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from torture.checker.verdict import FAIL, UNKNOWN
from torture.faults import FAULTS, chosen
from torture.run import Plan, Result, run
from torture.table import print_results
from torture.world import DATABASES

EXIT_CODES = {FAIL: 1, UNKNOWN: 2}


def main(words: list[str] | None = None) -> int:
    """Run, print the table, and return 0 for pass, 1 for fail, 2 for unknown."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="how long the clients send, for each database")
    parser.add_argument("--seed", type=int, help="makes the same operations and order of faults again")
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--faults", default="", help=f"comma-separated; all that fit by default: {', '.join(FAULTS)}")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="where histories and logs are written; a temporary one by default")
    given = parser.parse_args(words)
    seed = random.randrange(10**6) if given.seed is None else given.seed
    folder = given.folder or Path(tempfile.mkdtemp(prefix="bankapp-torture-"))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(f"seed {seed}, histories and logs in {folder}", highlight=False)
    names = [name for name in given.faults.split(",") if name]
    results: list[Result] = []
    for database in DATABASES if given.database == "both" else (given.database,):
        try:
            faults = chosen(names, database)
        except ValueError as problem:
            parser.error(str(problem))
        plan = Plan(database, seed, given.minutes * 60, faults, clients=given.clients)
        place = folder / database
        place.mkdir(parents=True)
        results.append(run(plan, place))
    print_results(console, results)
    outcomes = {result.verdict.outcome for result in results}
    return next((code for outcome, code in EXIT_CODES.items() if outcome in outcomes), 0)


if __name__ == "__main__":
    sys.exit(main())
