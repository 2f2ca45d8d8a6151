"""One row of the ladder: what theory says, what the market gave, and whether they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["exact", "stochastic", "event"]


@dataclass(frozen=True)
class Row:
    """A comparison.

    Attributes:
        name: of the market and the quantity.
        source: of the theory.
        kind: exact (no chance in it), stochastic (a mean over draws), event (whether or how often something happens).
        expected, simulated: in the quantity's own unit.
        tolerance: largest difference that holds; for a stochastic row it follows from the number of draws.
        detail: the interval and the number of draws, in words; shown to people, not part of the contract.
    """

    name: str
    source: str
    kind: Kind
    expected: float
    simulated: float
    tolerance: float
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the difference is within the tolerance; a result that is no number is not."""
        return bool(abs(self.simulated - self.expected) <= self.tolerance)

    def as_json(self) -> dict[str, object]:
        """The row as `undercut sim validate --json` prints it, a contract."""
        return {
            "name": self.name,
            "source": self.source,
            "kind": self.kind,
            "expected": self.expected,
            "simulated": self.simulated,
            "tolerance": self.tolerance,
            "holds": self.holds,
        }

    def line(self) -> str:
        """The row as text."""
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        text = f"{self.name:<58} {self.expected:>11.6g} {self.simulated:>11.6g} {self.tolerance:>9.2g}  {verdict}"
        return f"{text}  {self.detail}".rstrip()


def mean_row(name: str, source: str, expected: float, values: list[float], least_tolerance: float) -> Row:
    """A stochastic row over independent draws: three standard errors, or `least_tolerance` where that is larger."""
    import numpy as np

    x = np.array(values)
    stderr = float(x.std(ddof=1)) / len(x) ** 0.5
    mean = float(x.mean())
    low, high = mean - 1.96 * stderr, mean + 1.96 * stderr
    detail = f"95% [{low:.5g}, {high:.5g}] over {len(x)} draws"
    return Row(name, source, "stochastic", expected, mean, max(3.0 * stderr, least_tolerance), detail)
