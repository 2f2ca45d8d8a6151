"""What endless tokens of the teacher would give: a measured outcome carried on to a dose without end.

    outcome(N) = asymptote + slope * N^(-1/2)        least squares, each row weighted by its own error

The exponent is that of the parametric curve of `sim.scenario.curves`, *assumed*; where rows scatter by more than their
own errors say, the asymptote's error grows by as much. Nothing is capped: the slope may have either sign.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.claims.claim import Cell

EXPONENT = 0.5
LEAST_ROWS, LEAST_DOSES = 4, 3
Z = 1.959963984540054


def asymptote(
    name: str, doses: Sequence[float], values: Sequence[float], stderrs: Sequence[float], rests_on: str
) -> Cell | None:
    """The asymptote with its 95% interval; None for fewer than four rows or three different positive doses.

    Args:
        name: of the cell.
        doses, values, stderrs: shape (n,) each; rows of dose 0 or without an error are left out.
        rests_on: items and machine, in words; doses and rows are added.
    """
    dose, value, error = (np.asarray(column, dtype=float) for column in (doses, values, stderrs))
    usable = (dose > 0.0) & (error > 0.0)
    dose, value, error = dose[usable], value[usable], error[usable]
    if len(dose) < LEAST_ROWS or len(set(dose.tolist())) < LEAST_DOSES:
        return None
    design = np.column_stack([np.ones_like(dose), dose**-EXPONENT])
    weight = 1.0 / error**2
    covariance = np.linalg.inv(design.T @ (design * weight[:, None]))
    fitted = covariance @ (design.T @ (weight * value))
    scatter = float(weight @ (value - design @ fitted) ** 2) / (len(dose) - 2)
    reach = Z * float(np.sqrt(covariance[0, 0] * max(scatter, 1.0)))
    found = float(fitted[0])
    rests = f"{len(dose)} rows, doses {dose.min():g} to {dose.max():g}; {rests_on}"
    return Cell(name, found, found - reach, found + reach, rests)
