"""The chart of a balance over time: a line in steps, because a balance changes only with a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 200
_MARGIN: Final = 8


@dataclass(frozen=True, slots=True)
class Point:
    """The balance (minor units) at the end of a day, and its place in the chart."""

    day: date
    balance: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The shapes of a chart: ``line`` and ``area`` are SVG path data in a box of WIDTH × HEIGHT."""

    points: Sequence[Point]
    line: str
    area: str
    lowest: int
    highest: int


def of_balances(first: date, balances: Sequence[int]) -> Chart:
    """Draw one balance (minor units) for each day from ``first`` on. ``balances`` must not be empty."""
    lowest, highest = min(balances), max(balances)
    span = (highest - lowest) or 1
    step = WIDTH / max(len(balances) - 1, 1)
    room = HEIGHT - 2 * _MARGIN
    flat = HEIGHT / 2
    points = [
        Point(
            first + timedelta(days=at),
            balance,
            round(at * step, 1),
            round(HEIGHT - _MARGIN - room * (balance - lowest) / span, 1) if highest > lowest else flat,
        )
        for at, balance in enumerate(balances)
    ]
    steps = "".join(f"H{point.x}V{point.y}" for point in points)
    line = f"M0 {points[0].y}{steps}"
    return Chart(points, line, f"{line}H{WIDTH}V{HEIGHT}H0Z", lowest, highest)
