"""What labs pay for research as a metric of sweeps, and the regime that is told from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from lab_markets import COPIER, raw_labs, research, with_labs
from sweeps import InThisProcess, no_models

from sim.shared.errors import InputError
from sim.study.plan import Plan, parse_plan
from sim.study.readings import OfResearch, read_metric
from sim.study.regimes import NO_FOOTHOLD, STARVED, check_axes, regime_map
from sim.study.sweep import run_sweep

YEAR = 365.0


def entered() -> dict[str, Any]:
    """A leader that spends a share of its profit on research, and a student of its model that enters on day 60."""
    lab = {"research": research(rule={"kind": "share_of_profit", "share": 0.5}, first_day=30, every_days=30)}
    raw = with_labs(lab, {"releases": [{"offer": "copy", "release_day": 60}]}, entrant="copy")
    raw["models"].append(
        {"kind": "relative", "name": "copied", "teacher": "frontier", "quality_ratio": 1.0, "cost_ratio": 0.1}
    )
    raw["providers"][COPIER]["offers"][0] |= {"model": "copied"}
    return raw


def raw_sweep(**changes: Any) -> dict[str, Any]:
    metrics = [
        {"kind": "offer", "name": "student_share", "offer": "copy", "column": "share_of_tokens"},
        {"kind": "largest_provider", "name": "largest_share", "column": "share_of_dollars"},
        {"kind": "market", "name": "margin", "column": "margin", "compare": "relative"},
        {"kind": "market", "name": "posted_prices", "column": "posted_price_index", "compare": "relative"},
        {"kind": "research", "name": "research_spending", "window_days": 300, "compare": "relative"},
    ]
    ratios = {"quality_ratio": [0.05, 1.05], "cost_ratio": [0.1]}
    parameters = [
        {"name": name, "paths": [f"models.copied.{name}"], "distribution": {"kind": "choice", "values": values}}
        for name, values in ratios.items()
    ]
    return {
        "name": "starved", "title": "what is left for research", "scenario": "labs.yaml", "parameters": parameters,
        "design": {"kind": "factorial"}, "metrics": metrics,
    } | changes  # fmt: skip


def plan_of(folder: Path, **changes: Any) -> Plan:
    (folder / "labs.yaml").write_text(yaml.safe_dump(entered()))
    return parse_plan(raw_sweep(**changes), "the test's sweep", folder)


def tables(rows: list[tuple[int, float, str, float]]) -> dict[str, pd.DataFrame]:
    frame = pd.DataFrame(rows, columns=["replication", "day", "provider", "spent_usd"])
    return {"research": frame.assign(catalog_draw=0)}


def test_spending_is_summed_over_labs_and_days() -> None:
    found = tables([(0, 30.0, "a", 1.0), (0, 60.0, "a", 2.0), (0, 60.0, "b", 4.0), (0, 90.0, "b", 8.0),
                    (1, 30.0, "a", 16.0)])  # fmt: skip
    whole = OfResearch(kind="research", name="x")
    assert read_metric(found, whole, 60.0) == {(0, 0): 7.0, (0, 1): 16.0}
    late = OfResearch(kind="research", name="x", window_days=30.0)
    assert read_metric(found, late, 90.0) == {(0, 0): 8.0, (0, 1): 0.0}
    of_b = OfResearch(kind="research", name="x", provider="b")
    assert read_metric(found, of_b, 90.0) == {(0, 0): 12.0}


def test_where_nobody_decides_there_is_no_figure() -> None:
    assert read_metric(tables([]), OfResearch(kind="research", name="x"), 60.0) == {}
    assert read_metric(tables([(0, 90.0, "a", 1.0)]), OfResearch(kind="research", name="x"), 60.0) == {}


def test_a_lab_that_does_not_decide_is_refused(tmp_path: Path) -> None:
    metric = {"kind": "research", "name": "research_spending", "provider": "host"}
    with pytest.raises(InputError, match="leader"):
        plan_of(tmp_path, metrics=[metric])
    (tmp_path / "labs.yaml").write_text(yaml.safe_dump(raw_labs()))
    with pytest.raises(InputError, match="no lab decides"):
        parse_plan(
            {"name": "x", "title": "x", "scenario": "labs.yaml", "design": {"kind": "factorial"}, "metrics": [metric],
             "parameters": [{"name": "t", "paths": ["models.base.theta"],
                             "distribution": {"kind": "choice", "values": [0.1]}}]},
            "test", tmp_path,
        )  # fmt: skip


def test_a_sweep_tells_a_starved_frontier_from_its_research(tmp_path: Path) -> None:
    """A better copy at a tenth of the cost leaves less than half for research; a useless one leaves all of it."""
    plan = plan_of(tmp_path)
    check_axes(plan)
    folder = tmp_path / "out"
    run_sweep(plan, no_models(), InThisProcess(), folder)
    values = pd.read_parquet(folder / "metrics.parquet").query("metric == 'research_spending'").set_index("point")
    assert (values["without_entrant"] > 0.0).all()
    assert values.loc[0, "value"] == pytest.approx(0.0, abs=0.02)
    assert values.loc[1, "value"] < -0.5
    found = regime_map(folder).set_index("quality_ratio")
    assert found["regime"].to_dict() == {0.05: NO_FOOTHOLD, 1.05: STARVED}
    assert found["research_evaluated"].all()
