"""Providers that choose their terms: what they weigh, and what interventions leave of it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from lab_markets import played, student, with_labs

from sim.players.access import refused_share
from sim.shared.catalog import Catalog

DEFENDED: dict[str, Any] = {"kind": "defended", "regimes": ["text"], "first_day": 45, "every_days": 60}


def chosen(catalog: Catalog, access: dict[str, Any], **part: Any) -> pd.DataFrame:
    """The terms of a leader whom a copier with 500 busy accounts asks for a small dose, again and again."""
    source = {"kind": "accounts", "accounts": 500, "requests_per_account_day": 120, "output_mtok": 1e5, "most_days": 40}
    attack = student(source=source, least_gain_logits=0.0, **part)
    tables = played(with_labs(None, {"students": [attack]}, DEFENDED | access), catalog).tables
    return tables["access"]


def test_bulk_use_that_pays_well_is_let_in_and_what_is_given_away_is_kept_out(empty_catalog: Catalog) -> None:
    paying = chosen(empty_catalog, {"bulk_price_ratio": 50.0})
    given = chosen(empty_catalog, {"bulk_price_ratio": 0.02})
    assert paying["tau"].unique().tolist() == [5.0]
    assert given["tau"].min() < 3.5


def test_false_positives_that_hurt_longer_make_detection_milder(empty_catalog: Catalog) -> None:
    """Kept out at little cost to the honest, and let in where their refusals would cost more."""
    taus = [
        chosen(empty_catalog, {"bulk_price_ratio": 0.02, "blocked_days": days})["tau"].min() for days in (0.1, 60.0)
    ]
    assert taus[0] < taus[1]


def test_a_copy_that_competes_is_a_reason_of_its_own(empty_catalog: Catalog) -> None:
    """At a price that is just the cost of serving nothing is earned or lost in bulk: the student alone counts."""
    access = {"bulk_price_ratio": 2.5 / 12.0}
    harmless = chosen(empty_catalog, access, efficiency=1e-6)
    harmful = chosen(empty_catalog, access, efficiency=0.01)
    assert harmful["tau"].min() < harmless["tau"].min()


def test_an_intervention_elsewhere_leaves_refusals_as_they_are(empty_catalog: Catalog) -> None:
    raw = with_labs(access={"kind": "guarded", "tau": 1.5})
    plain = played(raw, empty_catalog).tables
    raw["interventions"] = [
        {"day": 100, "changes": [{"key": "providers.host.treasury.credit_limit_usd", "value": 123.0}]},
        {"day": 140, "changes": [{"key": "providers.host.treasury.credit_limit_usd", "value": 124.0}]},
    ]
    moved = played(raw, empty_catalog).tables
    for name in ("demand", "prices", "access"):
        pd.testing.assert_frame_equal(moved[name], plain[name])
    assert plain["access"]["refused_share"].tolist() == pytest.approx([refused_share(1.5, 3.0)])
