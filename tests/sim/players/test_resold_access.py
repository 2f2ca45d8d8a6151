"""A supplier's access policy reaches what others resell of its model: the honest who buy there, and copiers."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from lab_markets import LEADER, played, stated, student, with_labs
from scipy.stats import norm

from sim.market import Outcome
from sim.players.access import Terms, flag_probability, refused_share, through_reseller
from sim.shared.catalog import Catalog

HOST = 2
STRICT: dict[str, Any] = {"kind": "guarded", "tau": 1.5, "blocked_days": 3.0}


def resold(
    catalog: Catalog,
    supplier: dict[str, Any] | None = None,
    seller: dict[str, Any] | None = None,
    copier: dict[str, Any] | None = None,
    **changes: Any,
) -> Outcome:
    """The leader sells only at wholesale; the host resells that, and nothing else is on sale but the copier's."""
    raw = with_labs(None, copier, supplier, **changes)
    raw["providers"][LEADER]["offers"][0] |= {"wholesale": True, "list_price": stated(1, 5)}
    raw["providers"][HOST]["offers"] = [
        {"name": "resold", "model": "frontier", "list_price": stated(2.5, 12),
         "cost": {"kind": "wholesale", "offer": "best"}}
    ]  # fmt: skip
    for provider in raw["providers"]:
        provider["price"] = {"kind": "posted"}
    if seller is not None:
        raw["providers"][HOST]["access"] = seller
    return played(raw, catalog)


def requests(found: Outcome) -> pd.Series:
    demand = found.tables["demand"]
    return demand[demand["offer"] == "resold"].set_index(["day", "task_class"])["requests"]


def test_the_suppliers_refusals_are_the_resellers_as_if_they_were_its_own(empty_catalog: Catalog) -> None:
    free, by_supplier, by_seller = (
        resold(empty_catalog, supplier, seller) for supplier, seller in ((None, None), (STRICT, None), (None, STRICT))
    )
    assert requests(by_supplier).to_numpy() == pytest.approx(requests(by_seller).to_numpy(), rel=1e-12)
    assert requests(by_supplier).sum() < (1.0 - refused_share(1.5, 3.0)) * requests(free).sum()
    # What is refused earns the supplier nothing either.
    sold = by_supplier.tables["ledger"].query("account == 'wholesale'")
    assert sold["requests"].sum() == pytest.approx(requests(by_supplier).sum())
    assert by_supplier.imbalance < 1e-9


def test_both_refuse_one_after_the_other(empty_catalog: Catalog) -> None:
    one, both = resold(empty_catalog, STRICT), resold(empty_catalog, STRICT, STRICT)
    assert requests(both).sum() < requests(one).sum()


def test_the_terms_of_what_is_resold_are_the_tighter_ones() -> None:
    seller = Terms("full", 0.5, None, 3.0, 1.0)
    supplier = Terms("topk", 2.0, 40.0, 2.0, 5.0)
    found = through_reseller(seller, supplier)
    assert (found.returns, found.bulk_price_ratio, found.limit) == ("topk", 0.5, 40.0)
    assert through_reseller(supplier, seller).limit == 40.0
    kept = (1 - flag_probability(3.0, 90.0)) * (1 - flag_probability(2.0, 90.0))
    assert found.flagged(90.0) == pytest.approx(1 - kept)
    assert through_reseller(seller, Terms("full", 1.0, None, None, 0.0)).flagged(90.0) == seller.flagged(90.0)


def copied(catalog: Catalog, supplier: dict[str, Any] | None = None, seller: dict[str, Any] | None = None) -> Any:
    """The takings of a copier that asks the reseller."""
    source = {"kind": "accounts", "accounts": 100, "requests_per_account_day": 120, "output_mtok": 1e6,
              "most_days": 60}  # fmt: skip
    part = student(teacher_offer="resold", source=source, every_days=None)
    return resold(catalog, supplier, seller, {"students": [part]}, horizon_days=120).tables["takings"]


def test_a_copier_of_a_reseller_meets_the_suppliers_detection(empty_catalog: Catalog) -> None:
    tau = 3.0
    takings = copied(empty_catalog, {"kind": "guarded", "returns": "text", "tau": tau})
    flagged = norm.sf(tau - 1.3862943611198906)  # ln(120/30)
    assert takings["requests"].sum() == pytest.approx(100 * 120 * (1 - (1 - flagged) ** 60) / flagged)


def test_a_copier_of_a_reseller_meets_the_suppliers_limit_and_what_it_returns(empty_catalog: Catalog) -> None:
    telling = {"kind": "open", "returns": "full"}
    limited = {"kind": "guarded", "returns": "topk", "requests_per_account_day": 30}
    takings = copied(empty_catalog, limited, telling)
    assert takings["requests"].sum() == pytest.approx(100 * 30 * 60)
    assert takings["returns"].unique().tolist() == ["topk"]


def test_a_supplier_that_chooses_its_terms_sees_who_copies_through_its_reseller(empty_catalog: Catalog) -> None:
    """Given away below what it costs, bulk use is kept out; nobody asks the supplier itself."""
    source = {"kind": "accounts", "accounts": 500, "requests_per_account_day": 120, "output_mtok": 1e5, "most_days": 40}
    part = student(teacher_offer="resold", source=source, least_gain_logits=0.0)
    defended = {"kind": "defended", "regimes": ["text"], "first_day": 45, "every_days": 60}
    attacked = resold(empty_catalog, defended, None, {"students": [part]}).tables["access"]
    alone = resold(empty_catalog, defended).tables["access"]
    assert alone["tau"].unique().tolist() == [5.0]
    assert attacked["tau"].min() < 5.0
