"""Metrics of a sweep that are read off the tables of leaders, prices and users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sweeps import no_models, plan_of

from sim.runner import run
from sim.shared.errors import InputError
from sim.study.readings import OfTable, read_metric


def metric(**fields: Any) -> dict[str, Any]:
    return {"kind": "table", "name": "read", "days": [40]} | fields


def test_a_metric_reads_the_rows_whose_texts_it_names(tmp_path: Path) -> None:
    where = {"subject": "offer", "measure": "tokens"}
    wanted = [
        metric(name="share", table="leaders", where=where, column="share"),
        metric(name="entries", table="leaders", where=where, column="entries", window_days=20, take="sum"),
        metric(name="users", table="multihoming", column="providers_per_user"),
        metric(name="matched", table="price_indices", where={"index": "matched"}, column="price_usd_per_mtok"),
        metric(name="economy", table="price_indices", where={"index": "tier", "level": "economy"}, column="change"),
    ]
    plan = plan_of(tmp_path, metrics=wanted)
    tables = run(plan.scenario, no_models()).tables

    def last(name: str, **texts: str) -> pd.Series:
        rows = tables[name][tables[name]["day"] == 40]
        for column, text in texts.items():
            rows = rows[rows[column] == text]
        assert len(rows) == 1
        return rows.iloc[0]

    read = {part.name: read_metric(tables, part, 40.0).get((0, 0)) for part in plan.sweep.metrics}
    assert read["share"] == last("leaders", **where)["share"]
    assert read["entries"] == last("leaders", **where)["entries"]
    assert read["users"] == last("multihoming")["providers_per_user"]
    assert read["matched"] == last("price_indices", index="matched")["price_usd_per_mtok"]
    assert read["economy"] is None  # two offers make no tiers


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"table": "leaders", "column": "nothing"}, "share, tenure_days"),
        ({"table": "leaders", "column": "share", "where": {"colour": "red"}}, "subject, measure, leader"),
        ({"table": "multihoming", "column": "users", "where": {"colour": "red"}}, "it has no texts"),
        ({"table": "ledger", "column": "usd"}, "leaders"),
    ],
)
def test_what_a_table_does_not_have_is_told(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan_of(tmp_path, metrics=[metric(**fields)], conclusions=[])


def test_the_kind_is_one_of_the_unions() -> None:
    assert OfTable(kind="table", name="x", table="leaders", column="share").where == {}
