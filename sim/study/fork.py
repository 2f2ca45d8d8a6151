"""A finished run, played again with a change from a day on.

A generator's state cannot be copied, and need not be: the fork replays from day 0 under the same streams, so that its
tables before the change are the base's bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sim.results import RunResult
from sim.runner import catalog_sha256, command_of, run
from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.shared.yaml import parse_yaml

_LONGEST_NAME = 64


def fork(
    base: RunResult,
    catalog: Catalog,
    day: float,
    changes: Sequence[str],
    on_run: Callable[[], None] = lambda: None,
    catalog_argument: str | None = None,
) -> RunResult:
    """The base's scenario with one more intervention, under its seed and counts.

    The result's command names the `scenario.yaml` that lies in its folder, and `catalog_argument`, the catalog as it
    was named (None for the shipped one).

    Args:
        base: a finished run.
        catalog: the one it was run with.
        day: from which on the changes hold.
        changes: each KEY=VALUE; the key is a path of `sim.scenario.interventions`, the value is YAML.
        on_run: called after each single run.

    Raises:
        InputError, InputErrors: for another catalog, a change that cannot be read, or what it would contradict.
    """
    if catalog_sha256(catalog) != base.settings["catalog_sha256"]:
        raise InputError(
            "--catalog", "", "another catalog than the run's", str(base.settings["catalog_sha256"])[:16],
            "pass the catalog that the run was made with",
        )  # fmt: skip
    scenario = forked_scenario(base.scenario, day, changes)
    settings = base.settings
    seed, replications, draws = settings["seed"], settings["replications"], settings["catalog_draws"]
    command = command_of("scenario.yaml", seed, replications, draws, catalog_argument)
    return run(scenario, catalog, seed, replications, draws, on_run, command)


def forked_scenario(base: Scenario, day: float, changes: Sequence[str]) -> Scenario:
    """The scenario with an intervention on `day`.

    Raises:
        InputError, InputErrors: as `fork`.
    """
    raw = base.model_dump(mode="json")
    raw["interventions"] = [*raw["interventions"], {"day": day, "changes": [_change(text) for text in changes]}]
    raw["name"] = f"{base.name[: _LONGEST_NAME - 5]}-fork"
    return parse_scenario(raw, "the fork")


def _change(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError("--set", "", text, "KEY=VALUE, such as population.switching_share=0", "correct the option")
    return {"key": key.strip(), "value": parse_yaml(f"value: {value}", "--set")["value"]}
