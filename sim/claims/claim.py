"""What a claim is: a sentence, a criterion that can fail, what puts it to the test, and what must not show the effect.

A simulated part (`Experiment`) is a sweep with arms: markets that differ in what the claim is about and share every
assumption and every random number. A score is a number made of the arms' metrics in one run; a draw of the assumptions
is scored by its mean over runs. A measured part (`Measurement`) reads cells off shipped tables. The claim is supported
if all its parts are; it is not if one part is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Arms = Mapping[str, float]  # METRIC@ARM -> its value in one run


@dataclass(frozen=True)
class Score:
    """A number made of one run of every arm.

    Attributes:
        of: may divide by zero or miss a metric (KeyError): that run then has no score.
    """

    name: str
    unit: str
    says: str
    of: Callable[[Arms], float]


@dataclass(frozen=True)
class Criterion:
    """Where a score or a cell must lie."""

    name: str
    says: str
    score: str
    comparison: Literal["above", "below"]
    threshold: float

    def holds(self, value: float) -> bool:
        """Whether a value lies there; the threshold itself does not."""
        return value > self.threshold if self.comparison == "above" else value < self.threshold


@dataclass(frozen=True)
class Control:
    """What must hold in at least nine draws of ten for the test to mean anything: where the effect must not show."""

    name: str
    says: str
    criterion: Criterion


@dataclass(frozen=True)
class Experiment:
    """A simulated part.

    Attributes:
        sweep: as `sim.study.plan.Sweep` has it, without `design`; its parameters are the assumptions that vary.
        criteria: a draw counts for the claim if all hold.
    """

    name: str
    says: str
    sweep: Mapping[str, Any]
    scores: tuple[Score, ...]
    criteria: tuple[Criterion, ...]
    controls: tuple[Control, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One measured comparison.

    Attributes:
        value, low, high: estimate and 95% interval, in the unit of the measurement.
        rests_on: items, seeds, machine; in words.
    """

    name: str
    value: float
    low: float
    high: float
    rests_on: str


@dataclass(frozen=True)
class Measurement:
    """A measured part.

    Attributes:
        cells: read from shipped tables; none where nothing was measured yet.
        wants: of the cells, how many must be on the criterion's side.
        least_cells: fewer leave the part undecided.
        missing: what is still to be measured, and the command, while there are fewer.
        controls: cells that must lie where their criterion says.
        beside: cells that are reported and decide nothing.
    """

    name: str
    says: str
    unit: str
    cells: Callable[[], Sequence[Cell]]
    criterion: Criterion
    wants: Literal["all", "most"] = "all"
    least_cells: int = 1
    missing: str = ""
    controls: tuple[tuple[Control, Callable[[], Sequence[Cell]]], ...] = ()
    beside: Callable[[], Sequence[Cell]] = tuple


@dataclass(frozen=True)
class Evidence:
    """Something that the verdict rests on, and what kind of thing it is."""

    kind: Literal["measured", "cited", "assumed"]
    says: str


@dataclass(frozen=True)
class Claim:
    """A statement and its test.

    Attributes:
        sentence: the claim, in one sentence.
        hypothesis: the number that is estimated.
        criterion: in words; fixed before any run.
        by_construction: where the test could come out true by how the market is built, and what is done about it.
        reason: why the criterion differs from the first one written; "" where it does not.
    """

    name: str
    sentence: str
    hypothesis: str
    criterion: str
    by_construction: str
    experiments: tuple[Experiment, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    evidence: tuple[Evidence, ...] = field(default_factory=tuple)
    reason: str = ""
