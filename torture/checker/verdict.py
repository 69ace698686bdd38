"""The result of a check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

PASS: Final = "pass"
FAIL: Final = "fail"
UNKNOWN: Final = "unknown"

LOST: Final = "lost"
DOUBLED: Final = "doubled"
CHANGED: Final = "changed"
UNEXPLAINED: Final = "unexplained"
APPLIED_REFUSAL: Final = "applied_refusal"
UNEXPECTED_REFUSAL: Final = "unexpected_refusal"
ONE_SIDED: Final = "one_sided"
BALANCE: Final = "balance"
TOTAL: Final = "total"
STALE_READ: Final = "stale_read"
AUDIT: Final = "audit"
SERVER_ERROR: Final = "server_error"
VERIFICATION: Final = "verification"


@dataclass(frozen=True)
class Finding:
    """A broken rule, what is wrong, and the operations that it concerns."""

    rule: str
    message: str
    operations: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


@dataclass(frozen=True)
class Verdict:
    """``findings`` are proved faults. ``gaps`` say why the absence of findings proves nothing."""

    findings: Sequence[Finding] = field(default_factory=tuple)
    gaps: Sequence[str] = field(default_factory=tuple)

    @property
    def outcome(self) -> str:
        """``fail`` with a finding, else ``unknown`` with a gap, else ``pass``."""
        if self.findings:
            return FAIL
        return UNKNOWN if self.gaps else PASS
