"""The measured ledger: seconds, tokens and a dated rent become USD per million tokens. Pure.

    USD per Mtok = rent per hour / 3600 / (tokens per second) * 10^6

The median over the repeats is taken, because a busy machine only ever adds time. Intervals are of the timing alone, on
the logarithm; a median's standard error is taken as sqrt(pi/2) of the mean's (normal theory). Of several batch sizes
the largest counts. Energy is the sum over the repeats, because a counter's steps may be longer than one of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from evalsuite.energy import wh_per_mtok
from sim.shared.errors import InputError
from sim.shared.units import usd_per_mtok

if TYPE_CHECKING:
    from evalsuite.energy import EnergySource
    from evalsuite.meter import Phase, Timing

MEDIAN_FACTOR = math.sqrt(math.pi / 2.0)
DEFAULT_HARDWARE = "CPU 2 vCPU 8 GB"


@dataclass(frozen=True)
class Rent:
    """A machine's dated rent, as the shipped table says it; that this machine would cost that is an assumption."""

    hardware: str
    offer: str
    usd_per_hour: float
    date: str
    source: str


@dataclass(frozen=True)
class Cost:
    """What a phase of a model costs; the fields are the columns of `evalsuite.tables.COST`."""

    model: str
    phase: Phase
    hardware: str
    usd_per_hour: float
    tokens_per_s: float
    spread: float
    usd_per_mtok: float
    low: float
    high: float
    log_stderr: float
    ratio: float
    ratio_log_stderr: float
    batch: int
    wh_per_mtok: float
    energy_source: EnergySource


def read_rent(hardware: str = DEFAULT_HARDWARE) -> Rent:
    """The rent of a machine in the shipped `hardware.csv`, the cheapest offer where there are several.

    Raises:
        InputError: if the table has no such machine; lists those it has.
    """
    from sim.shared.paths import data_dir
    from sim.shared.tables import read_table

    path = data_dir() / "hardware.csv"
    table = read_table(path)
    rows = table[table["hardware"] == hardware].sort_values(["usd_per_hour", "offer"])
    if rows.empty:
        raise InputError(str(path), "hardware", hardware, ", ".join(sorted(set(table["hardware"]))), "name one of them")
    row = rows.iloc[0]
    return Rent(hardware, str(row["offer"]), float(row["usd_per_hour"]), str(row["date"]), str(row["source"]))


def costs(timings: Sequence[Timing], rent: Rent, teacher_of: dict[str, str]) -> list[Cost]:
    """Costs by model and phase, sorted; `teacher_of` gives the teacher of each student that was timed with it."""
    batches: dict[tuple[str, Phase], int] = {}
    for timing in timings:
        batches[timing.model, timing.phase] = max(batches.get((timing.model, timing.phase), 0), timing.batch)
    served = [timing for timing in timings if timing.batch == batches[timing.model, timing.phase]]
    seconds: dict[tuple[str, Phase], dict[int, float]] = {}
    tokens: dict[tuple[str, Phase], int] = {}
    for timing in served:
        seconds.setdefault((timing.model, timing.phase), {})[timing.repeat] = timing.seconds
        tokens[timing.model, timing.phase] = timing.tokens
    out = []
    for (model, phase), by_repeat in sorted(seconds.items()):
        values = sorted(by_repeat.values())
        middle_s = median(values)
        rate = tokens[model, phase] / middle_s
        price = usd_per_mtok(rent.usd_per_hour, rate)
        stderr = _median_stderr([math.log(value) for value in values])
        half = _student(len(values)) * stderr
        ratio, ratio_stderr = math.nan, math.nan
        other = seconds.get((teacher_of.get(model, ""), phase))
        if other is not None:
            logs = [math.log(by_repeat[repeat] / other[repeat]) for repeat in sorted(by_repeat.keys() & other.keys())]
            ratio, ratio_stderr = math.exp(median(logs)), _median_stderr(logs)
        quartile = len(values) // 4
        mine = [timing for timing in served if (timing.model, timing.phase) == (model, phase)]
        out.append(
            Cost(
                model=model,
                phase=phase,
                hardware=rent.hardware,
                usd_per_hour=rent.usd_per_hour,
                tokens_per_s=rate,
                spread=(values[len(values) - 1 - quartile] - values[quartile]) / middle_s,
                usd_per_mtok=price,
                low=price * math.exp(-half),
                high=price * math.exp(half),
                log_stderr=stderr,
                ratio=ratio,
                ratio_log_stderr=ratio_stderr,
                batch=batches[model, phase],
                wh_per_mtok=wh_per_mtok(
                    math.fsum(timing.energy_j for timing in mine), sum(timing.tokens for timing in mine)
                ),
                energy_source=mine[0].energy_source,
            )
        )
    return out


def _median_stderr(logs: Sequence[float]) -> float:
    mean = math.fsum(logs) / len(logs)
    variance = math.fsum((value - mean) ** 2 for value in logs) / (len(logs) - 1)
    return MEDIAN_FACTOR * math.sqrt(variance / len(logs))


def _student(count: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, count - 1))
