"""Elasticities, diversion and pricing pressure against plain logit, and as laws where there is no closed form."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import raw_bertrand, raw_line, raw_market

from dashboard import cli
from sim.players.pricing.beliefs import income_usd
from sim.scenario.load import load_scenario, parse_scenario
from sim.shared.catalog import Catalog, shipped_catalog
from sim.shared.errors import InputError
from sim.study.elasticity import Position, elasticities, mergers, position, responses
from sim.theory import logit

COSTS = (1.0, 0.75, 1.2)
FIRMS = logit.Firms((2.0,) * 3, COSTS, 0.25)


def textbook(catalog: Catalog, day: float = 0.0) -> Position:
    return position(parse_scenario(raw_bertrand(list(COSTS), least_gain=1e-13), "test"), catalog, day)


def posted(at: Position) -> np.ndarray:
    return at.board.price_usd[0].copy()


@pytest.mark.parametrize("day", [0.0, 300.0])
def test_plain_logit_has_its_elasticities_and_diversions(empty_catalog: Catalog, day: float) -> None:
    at = textbook(empty_catalog, day)
    price = posted(at)
    table = elasticities(at, responses(at)).query("task_class == 'good'").set_index(["moved", "demanded"])
    wanted, diverted = logit.elasticities(FIRMS, price), logit.diversions(FIRMS, price)
    share = logit.shares(FIRMS, price)
    for j in range(3):
        for k in range(3):
            row = table.loc[(f"o{j}", f"o{k}")]
            assert row["elasticity"] == pytest.approx(wanted[j, k], rel=1e-6)
            if j == k:
                assert np.isnan(row["diversion"])
                assert row["elasticity"] == pytest.approx(-(1 - share[j]) * price[j] / 0.25, rel=1e-6)
            else:
                assert row["diversion"] == pytest.approx(diverted[j, k], rel=1e-6)
        assert table.loc[(f"o{j}", "none"), "diversion"] == pytest.approx((1 - share.sum()) / (1 - share[j]), rel=1e-6)


def test_pricing_pressure_from_the_nash_prices(empty_catalog: Catalog) -> None:
    at = textbook(empty_catalog, 300.0)
    price, share = posted(at), logit.shares(FIRMS, posted(at))
    assert price == pytest.approx(logit.nash_prices(FIRMS), abs=1e-5)
    table = mergers(at, responses(at), [("firm0", "firm2")], efficiency=0.05).set_index("offer")
    assert list(table.index) == ["o0", "o2"]
    # At Nash prices the partner's margin is mu/(1 - s).
    wanted = share[2] / (1 - share[0]) * 0.25 / (1 - share[2]) - 0.05 * COSTS[0]
    assert table.loc["o0", "upp_usd_per_mtok"] == pytest.approx(wanted, rel=1e-4)
    assert table.loc["o0", "upp_usd_per_mtok"] == pytest.approx(logit.pricing_pressure(FIRMS, price, 0, 2, 0.05))
    value = logit.diversions(FIRMS, price)[2, 0] * (price[0] - COSTS[0])
    assert table.loc["o2", "guppi"] == pytest.approx(value / price[2], rel=1e-6)
    assert len(mergers(at, responses(at))) == 6, "three pairs, both ways"


def test_a_merger_that_saves_enough_presses_prices_down(empty_catalog: Catalog) -> None:
    at = textbook(empty_catalog)
    found = responses(at)
    pressure = [mergers(at, found, [("firm0", "firm1")], saving)["upp_usd_per_mtok"].iloc[0] for saving in (0.0, 0.9)]
    assert pressure[0] > 0 > pressure[1]


def test_on_a_line_neighbours_share_what_is_lost(empty_catalog: Catalog) -> None:
    """Hotelling: demand of the left firm is 1/2 + (p2 - p1)/(2t), and nobody stops."""
    places = [{"offer": "o0", "at": 0.0}, {"offer": "o1", "at": 1.0}]
    column = {"kind": "place", "shape": "segment", "travel_usd": 0.5, "places": places}
    raw = raw_line([0.2, 0.2], [0.7, 0.8], column, value_usd=3.0, outside_share=None)
    at = position(parse_scenario(raw, "test"), empty_catalog)
    table = elasticities(at, responses(at)).query("task_class == 'good'").set_index(["moved", "demanded"])
    sold = 0.5 + (0.8 - 0.7) / (2 * 0.5)
    assert table.loc[("o0", "o0"), "elasticity"] == pytest.approx(-0.7 / (2 * 0.5) / sold, rel=1e-6)
    assert table.loc[("o0", "o1"), "diversion"] == pytest.approx(1.0, rel=1e-6)
    assert table.loc[("o0", "none"), "diversion"] == pytest.approx(0.0, abs=1e-6)


def test_a_market_of_two_classes_obeys_the_signs_and_is_left_as_it_was(small_catalog: Catalog) -> None:
    at = position(parse_scenario(raw_market(), "test"), small_catalog, 100.0)
    price, cost = at.board.price_usd.copy(), at.board.cost_usd.copy()
    found = responses(at)
    assert np.array_equal(price, at.board.price_usd)
    assert np.array_equal(cost, at.board.cost_usd)
    table = elasticities(at, found)
    assert set(table["task_class"]) == {"chat", "code", "all"}
    own = table[table["moved"] == table["demanded"]]
    others = table[(table["moved"] != table["demanded"]) & (table["demanded"] != "none")]
    assert (own["elasticity"] < 0).all()
    assert (others["elasticity"] > 0).all()
    whole = table.groupby(["task_class", "moved"])["diversion"].sum()
    assert whole.to_numpy() == pytest.approx(1.0)
    # Demand is that of the beliefs: what the offers sell at once, valued by the profit that they tell.
    margin = price - cost
    assert (found.demand * margin).sum() == pytest.approx(income_usd(at.board, at.beliefs, margin), rel=1e-9)


def test_an_offer_that_is_not_on_sale_has_no_row(small_catalog: Catalog) -> None:
    at = position(parse_scenario(raw_market(), "test"), small_catalog, 30.0)
    table = elasticities(at, responses(at))
    assert "student" not in set(table["moved"]) | set(table["demanded"])


def test_what_is_asked_wrongly_is_refused(small_catalog: Catalog, empty_catalog: Catalog) -> None:
    with pytest.raises(InputError, match="--day"):
        position(parse_scenario(raw_market(), "test"), small_catalog, 900.0)
    at = textbook(empty_catalog)
    found = responses(at)
    with pytest.raises(InputError, match="firm0, firm1, firm2"):
        mergers(at, found, [("firm0", "nobody")])
    with pytest.raises(InputError, match="--efficiency"):
        mergers(at, found, efficiency=2.0)


def test_rivals_alone_press_and_not_an_owner_with_its_supplier() -> None:
    scenario, catalog = load_scenario("supply_cut"), shipped_catalog()
    at = position(scenario, catalog)
    found = responses(at)
    assert mergers(at, found).empty
    with pytest.raises(InputError, match="neither supplies the other"):
        mergers(at, found, [("lab", "platform")])
    # On day 365 the supply ends, and the platform sells a model of its own.
    apart = position(scenario, catalog, 400.0)
    assert set(mergers(apart, responses(apart))["owner"]) == {"lab", "platform"}


def test_the_command_prints_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sim", "elasticities", "price_war", "--merge", "nobody,else"]) == 2
    capsys.readouterr()
    assert cli.run(["sim", "elasticities", "small_models", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["moved"] for row in told["rows"]} == {"teacher", "pruned"}
    assert {row["partner"] for row in told["mergers"]} == {"teacher-lab", "pruner"}
    assert cli.run(["sim", "elasticities", "small_models", "--day", "100", "--merge", "pruner,student-lab"]) == 0
    shown = capsys.readouterr().out
    assert "student" in shown
    assert "GUPPI" in shown
