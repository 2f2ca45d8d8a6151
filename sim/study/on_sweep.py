"""Files that stand on a sweep and read its metrics: calibrations, forecasts and backtests, from plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from pydantic import ValidationError

from sim.scenario.base import Part
from sim.scenario.load import problems_of
from sim.shared.errors import InputError, raise_all
from sim.study.plan import Plan, load_plan


class OnSweep(Protocol):
    """Names a sweep: a YAML file (from the file's folder) or a shipped one."""

    @property
    def sweep(self) -> str:
        """The sweep's name or path."""


P = TypeVar("P", bound=Part)


def parse_on_sweep(kind: type[P], raw: Mapping[str, Any], source: str, folder: Path) -> tuple[P, Plan]:
    """A file's content as `kind`, which names a sweep, and that sweep's plan.

    Raises:
        InputError, InputErrors: all problems of the content at once, then those of its sweep.
    """
    try:
        part = kind.model_validate(raw)
    except ValidationError as error:
        raise_all(problems_of(error, source, kind))
        raise AssertionError("a validation error without problems") from error
    named = cast("OnSweep", part).sweep
    beside = folder / named
    return part, load_plan(beside if beside.is_file() else named)


def unknown_metrics(
    source: str, field: str, named: Iterable[tuple[str, Iterable[str]]], plan: Plan
) -> list[InputError]:
    """Metrics that a file reads and its sweep does not keep.

    Args:
        source: the file.
        field: where they stand in it.
        named: items of that field, each with the metrics that it reads.
        plan: of the sweep.
    """
    known = [metric.name for metric in plan.sweep.metrics]
    return [
        InputError(source, f"{field} ({item})", name, ", ".join(known), "name a metric of the sweep")
        for item, names in named
        for name in names
        if name not in known
    ]
