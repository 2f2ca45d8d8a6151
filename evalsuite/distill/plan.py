"""A plan of doses: which cells a shipped table holds, and in which order they are measured.

The table grows row by row and stands whole on disk after each, so the work proceeds in slices, on another machine each
time: a slice reads the rows that are there, measures the next that are missing, and appends. Rows stand in the order of
the plan, so a table made in slices has the bytes of one made in one go, but for the columns of the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from evalsuite.distill.access import Part
from evalsuite.distill.accuracy import Accuracy
from evalsuite.distill.dose import STORE_NAME, Row, Study, check, missing_rows
from evalsuite.distill.dose_table import cell_of, read_rows, table_of
from evalsuite.distill.recipe import NAME_PATTERN, Recipe, read_recipe
from sim.shared.errors import RunInterrupted
from sim.shared.paths import shipped_or_path
from sim.shared.tables import write_csv
from sim.shared.yaml import read_described

Count = Annotated[int, Field(ge=0)]


class Cells(Part):
    """Doses of one recipe, each with each seed."""

    recipe: str
    doses: tuple[Count, ...] = Field(min_length=1)
    seeds: tuple[Count, ...] = Field(min_length=1)
    epochs: Annotated[int, Field(ge=1)] = 1


class Plan(Part):
    """A table and its cells, in the order in which they are measured."""

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    accuracy: Accuracy | None = None
    cells: tuple[Cells, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Line:
    """The doses of a recipe with its seed, as they follow each other in a plan, and their keys in the table."""

    recipe: Recipe
    doses: tuple[int, ...]
    epochs: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Progressed:
    """How far a table is: rows wanted, there before, and measured now."""

    wanted: int
    before: int
    now: int

    @property
    def missing(self) -> int:
        """Rows that are still to be measured."""
        return self.wanted - self.before - self.now


def read_plan(argument: str) -> Plan:
    """The plan of a YAML file or of a shipped name.

    Raises:
        InputError, InputErrors: all problems of the file at once.
    """
    return read_described(Plan, shipped_or_path(argument, "studies", ".yaml"))


def lines_of(plan: Plan) -> list[Line]:
    """The lines of a plan in its order.

    Raises:
        InputError: for a recipe that is not there or cannot be measured this way.
    """
    out = []
    for group in plan.cells:
        recipe = read_recipe(group.recipe)
        # Two doses are what a study wants at least; a plan may name the second elsewhere.
        check(recipe, Study((*group.doses, 2**40) if len(group.doses) == 1 else group.doses, group.seeds, group.epochs))
        for seed in group.seeds:
            mine = recipe.model_copy(update={"seed": seed})
            doses = tuple(sorted(group.doses))
            cells = tuple(cell_of(mine, dose, group.epochs, plan.accuracy) for dose in doses)
            out.append(Line(mine, doses, group.epochs, cells))
    return out


def grow_table(
    plan: Plan,
    path: Path,
    minutes: float | None = None,
    command: str = "",
    on_row: Callable[[Row], None] = lambda row: None,
) -> Progressed:
    """Measure what the table at `path` (CSV) lacks, writing it anew after each row.

    Args:
        plan: what the table is to hold.
        path: rows that are there are kept as they are, those of no cell of the plan too, behind the others.
        minutes: no further row is begun after so many; None measures all.
        command: that goes on where this one was stopped.
        on_row: called with each row that was measured.

    Raises:
        InputError, InputErrors: for a plan or a table that cannot be used.
        RunInterrupted: on Ctrl-C; finished rows are in the table.
    """
    until_s = time.monotonic() + minutes * 60.0 if minutes is not None else float("inf")
    lines = lines_of(plan)
    order = list(dict.fromkeys(cell for line in lines for cell in line.cells))
    rows = read_rows(path)
    before = sum(cell in rows for cell in order)
    now = 0
    try:
        for place, line in enumerate(lines):
            if time.monotonic() >= until_s:
                break
            if all(cell in rows for cell in line.cells):
                continue
            goes_on = any(_continues(line, later) for later in lines[place + 1 :])
            for cell, row in missing_rows(line.recipe, line.doses, line.epochs, plan.accuracy, rows, goes_on):
                rows[cell] = {**row, "source": f"undercut distill reproduce {plan.name}"}
                ordered = [rows[one] for one in order if one in rows]
                others = [other for one, other in rows.items() if one not in set(order)]
                write_csv(table_of([*ordered, *others]), path)
                now += 1
                on_row(rows[cell])
                if time.monotonic() >= until_s:
                    break
    except KeyboardInterrupt:
        raise RunInterrupted(f"{path} and the cache ({STORE_NAME}, the trunk's last state)", command) from None
    return Progressed(len(order), before, now)


def _continues(line: Line, later: Line) -> bool:
    """Whether a later line grows the same trunk."""
    same = line.recipe == later.recipe and line.epochs == later.epochs == 1
    return same and later.doses[-1] > line.doses[-1]
