"""What the pages read: the catalog, the base scenario, and the paired runs of a scenario as far as they are made."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard.runs import Key, Runs
from dashboard.worker import SHOWN_TABLES, OneRun, Task
from sim.results import RunResult
from sim.runner import catalog_sha256
from sim.scenario.population import Expected, Sampled
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.shared.manifest import undercut_version

if TYPE_CHECKING:
    import pandas as pd

NODES_PER_CLASS = 256


@dataclass(frozen=True)
class Question:
    """What a page asks: a scenario with an entrant, its catalog, and how sure the answer shall be.

    Attributes:
        scenario: with the entry.
        catalog, catalog_sha256: the models.
        seed: entropy of every stream.
        draws: draws of the catalog's errors for the intervals; 0 asks for the point estimate alone.
    """

    scenario: Scenario
    catalog: Catalog
    catalog_sha256: str
    seed: int
    draws: int


@dataclass(frozen=True)
class Pair:
    """The market with the entry and without, on the same random numbers, as the pages show it.

    `draws` is 0 for the point estimate; both results hold the tables of `SHOWN_TABLES`.
    """

    with_entry: RunResult
    without: RunResult
    draws: int

    def by_draw(self) -> list[Pair]:
        """One pair for each draw of the catalog's errors."""
        return [Pair(_of_draw(self.with_entry, draw), _of_draw(self.without, draw), 1) for draw in self._draws()]

    def _draws(self) -> list[int]:
        return [int(draw) for draw in sorted(self.with_entry.tables["market"]["catalog_draw"].unique())]


class PairedRuns:
    """Makes and remembers the pairs of one question, draw by draw."""

    def __init__(self, runs: Runs, question: Question) -> None:
        if question.scenario.entrant is None:
            raise InputError(
                f"scenario {question.scenario.name}",
                "entrant",
                "nothing",
                "an offer that a lab releases",
                "choose a scenario in which somebody enters",
            )
        self._runs = runs
        self._question = question
        self._sides = (question.scenario, question.scenario.without_entry(question.scenario.entrant))

    def best_known(self) -> Pair:
        """The pair with as many draws as are made already; waits for the point estimate if nothing is."""
        made = 0
        while made < self._question.draws and self._known(made + 1):
            made += 1
        return self.pair(made if self._enough(made) else 0)

    def refine(self) -> Iterator[int]:
        """Make the draws that are missing, yielding the number made after each."""
        for draw in range(1, self._question.draws + 1):
            for future in self._submit(draw):
                future.result()
            yield draw

    def pair(self, draws: int) -> Pair:
        """The pair of the first `draws` draws; 0 for the point estimate.

        Raises:
            UndercutError: whatever the market refuses.
        """
        points = [future.result() for future in self._submit(0)]
        wanted = [self._submit(draw) for draw in range(1, draws + 1)] if draws else []
        sides = []
        for side, (scenario, point) in enumerate(zip(self._sides, points, strict=True)):
            parts = [futures[side].result() for futures in wanted] or [point]
            sides.append(self._result(scenario, parts, point, draws))
        return Pair(sides[0], sides[1], draws)

    @staticmethod
    def _enough(draws: int) -> bool:
        """Fewer draws than this say next to nothing about a spread."""
        return draws >= FEWEST_DRAWS

    def _result(self, scenario: Scenario, parts: list[OneRun], point: OneRun, draws: int) -> RunResult:
        question = self._question
        return RunResult(
            scenario=scenario,
            tables={name: _stacked([part.tables[name] for part in parts]) for name in SHOWN_TABLES},
            settings={
                "seed": question.seed,
                "replications": 1,
                "catalog_draws": draws,
                "scenario_sha256": scenario.sha256,
                "catalog_sha256": question.catalog_sha256,
            },
            inputs=point.inputs,
            command="",
        )

    def _key(self, scenario: Scenario, draw: int) -> Key:
        return Key(undercut_version(), scenario.sha256, self._question.catalog_sha256, self._question.seed, draw)

    def _submit(self, draw: int) -> list[Future[OneRun]]:
        question = self._question
        return [
            self._runs.submit(self._key(scenario, draw), Task(scenario, question.catalog, question.seed, draw))
            for scenario in self._sides
        ]

    def _known(self, draw: int) -> bool:
        return all(self._runs.known(self._key(scenario, draw)) for scenario in self._sides)


FEWEST_DRAWS = 4


def question(scenario: Scenario, catalog: Catalog, seed: int, draws: int) -> Question:
    """A question about a scenario."""
    return Question(scenario, catalog, catalog_sha256(catalog), seed, draws)


def expected(scenario: Scenario, nodes_per_class: int = NODES_PER_CLASS) -> Scenario:
    """The scenario with its customers in expectation: the same tastes, no sampling noise, and quicker.

    Customers on a line or who arrive have no nodes and stay as they are.
    """
    if not isinstance(scenario.population, Sampled | Expected):
        return scenario
    tastes = scenario.population.model_dump(exclude={"kind", "customers", "nodes_per_class"})
    return scenario.model_copy(update={"population": Expected(nodes_per_class=nodes_per_class, **tastes)})


def _of_draw(result: RunResult, draw: int) -> RunResult:
    def rows(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["catalog_draw"] == draw].reset_index(drop=True)

    return replace(result, tables={name: rows(frame) for name, frame in result.tables.items()})


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
