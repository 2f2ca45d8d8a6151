"""The world's prices as indices: on a small history whose falls are known, and on what ships."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from dashboard import cli
from sim.metrics.prices import record_lows
from sim.shared.errors import InputError
from sim.shared.prices import PRICES, price_at
from sim.shared.quality_prices import QUALITY_PRICES
from sim.study import price_history
from sim.study.price_history import WorldIndices, world_indices


def listed(model: str, date: str, price: float, event: str = "release") -> dict[str, object]:
    return {
        "model": model, "provider": "p", "date": date, "date_basis": "documented", "event": event,
        "price_in_usd_per_mtok": price, "price_out_usd_per_mtok": price, "source": "s", "licence": "facts",
    }  # fmt: skip


def scored(model: str, score: float, date: str, price: float, price_model: str = "") -> dict[str, object]:
    return {
        "benchmark": "quiz", "model": model, "family": model.partition("_")[0], "provider": "p", "score": score,
        "score_date": "2026-01-01", "date": date, "price_in_usd_per_mtok": price, "price_out_usd_per_mtok": price,
        "price_model": price_model, "source": "s", "licence": "facts",
    }  # fmt: skip


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a quality of .5 prices are 100, 10 and 1, each a year after the other; tiers fall tenfold a year."""
    quality = [
        scored("first_high", 0.5, "2023-01-01", 100.0),
        scored("weak", 0.3, "2023-01-01", 0.01),
        scored("second", 0.6, "2024-01-01", 10.0, "second-listed"),
        scored("third-2024-12-31", 0.5, "2024-06-01", 1.0),
    ]
    prices = [
        listed(f"m{year}-{number}", f"{year}-01-01", 10.0 ** (2025 - year) * size)
        for year in (2024, 2025) for number, size in enumerate([1.0] * 3 + [2.0] * 3 + [5.0] * 3)
    ]  # fmt: skip
    prices += [listed("second-listed", "2024-01-01", 10.0), listed("second-listed", "2025-06-01", 3.0, "price_change")]
    prices += [listed("m2025-0", "2025-03-01", 0.001, "discount")]
    monkeypatch.setattr(
        price_history, "shipped_quality_prices", lambda: QUALITY_PRICES.conform(pd.DataFrame(quality), "test")
    )
    monkeypatch.setattr(price_history, "shipped_prices", lambda: PRICES.conform(pd.DataFrame(prices), "test"))


def row(found: WorldIndices, index: str, level: str) -> pd.Series:
    rows = found.indices[(found.indices["index"] == index) & found.indices["level"].str.contains(level, regex=False)]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.usefixtures("small_world")
def test_a_fall_at_fixed_quality_is_that_of_the_record_lows() -> None:
    found = row(world_indices(20), "fixed_quality", "0.500 (first_high)")
    assert (found["from_date"], found["to_date"]) == ("2023-01-01", "2026-01-01")
    assert (found["models"], found["points"]) == (3, 3)
    # `third` was sold under its name before the day that the name carries; that was another model.
    assert found["fitted_fall_per_year"] == pytest.approx(10.0, rel=1e-2)
    assert found["overall_fall_per_year"] == pytest.approx(100.0 ** (365.0 / 1096.0), rel=1e-6)
    assert found["half_life_years"] == pytest.approx(math.log(2) / math.log(found["fitted_fall_per_year"]))
    assert found["overall_low"] <= found["overall_fall_per_year"] <= found["overall_high"]


@pytest.mark.usefixtures("small_world")
def test_scores_below_the_floor_or_the_record_hold_no_quality_fixed() -> None:
    levels = world_indices(2).indices.query("index == 'fixed_quality'")["level"].tolist()
    assert [level.rpartition("(")[2] for level in levels] == ["first_high)", "second)"]


@pytest.mark.usefixtures("small_world")
def test_prices_of_the_list_go_on_after_the_snapshot() -> None:
    found = row(world_indices(2), "fixed_quality", "0.600 (second)")
    assert (found["first_usd_per_mtok"], found["last_usd_per_mtok"]) == (10.0, 3.0)


@pytest.mark.usefixtures("small_world")
def test_tiers_are_of_models_a_year_old_at_most_and_discounts_do_not_count() -> None:
    found = world_indices(20)
    tiers = found.series[found.series["index"] == "tier"]
    series = tiers.pivot(index="date", columns="level", values="price_usd_per_mtok")
    assert series.loc["2024-06-01"].to_dict() == pytest.approx(
        {"economy": 10.0, "flagship": 50.0, "mid": (10.0 * 20.0 * 20.0 * 20.0) ** 0.25}, rel=1e-9
    )
    assert series.loc["2025-06-01", "economy"] == pytest.approx(1.0)
    # No model that stayed changed its price while it was new.
    assert row(found, "matched", "all")["overall_fall_per_year"] == pytest.approx(1.0)


def test_what_is_asked_of_the_end_must_leave_a_year() -> None:
    with pytest.raises(InputError, match="2025-"):
        world_indices(1, "2024-06-01")
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        world_indices(1, "soon")


def test_the_shipped_history_begins_with_gpt_4_and_ends_where_it_is_told() -> None:
    whole = world_indices(5)
    first = row(whole, "fixed_quality", "GPQA diamond at least 0.357")
    assert first["first_usd_per_mtok"] == pytest.approx((3 * 30.0 + 60.0) / 4)
    assert first["from_date"] == "2023-03-14"
    series = whole.series[whole.series["level"] == first["level"]].rename(columns={"date": "day"})
    assert first["points"] == len(record_lows(series))
    assert (whole.indices["overall_fall_per_year"] > 0).all()
    earlier = world_indices(5, "2025-10-01")
    assert earlier.indices.query("index == 'tier'")["to_date"].unique().tolist() == ["2025-10-01"]
    assert earlier.indices["to_date"].max() == "2025-10-01"


def test_a_price_is_told_with_its_neighbours() -> None:
    price = price_at("o3", "2025-06-09")
    assert (price.price_in_usd_per_mtok, price.since, price.until) == (10.0, "2025-04-16", "2025-06-10")
    assert price.before is None
    assert price.after is not None
    assert (price.after.date, price.after.price_in_usd_per_mtok) == ("2025-06-10", 2.0)
    later = price_at("o3", "2025-06-10", "openai")
    assert later.before is not None
    assert (later.before.price_out_usd_per_mtok, later.after) == (40.0, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "gpt5", "--at", "2025-09-01"], "gpt-5"),
        (["--model", "o3", "--at", "2025-04-15"], "2025-04-16 or later"),
        (["--model", "o3", "--at", "yesterday"], "YYYY-MM-DD"),
        (["--model", "o3", "--at", "2025-09-01", "--provider", "google"], "openai, for o3"),
    ],
)
def test_what_has_no_price_is_answered_with_what_has(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["data", "prices", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_model_of_several_sellers_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.shared import prices

    rows = [listed("open", "2025-01-01", 2.0), {**listed("open", "2025-02-01", 1.0), "provider": "host"}]
    monkeypatch.setattr(prices, "shipped_prices", lambda: PRICES.conform(pd.DataFrame(rows), "test"))
    with pytest.raises(InputError, match="host, p"):
        price_at("open", "2025-03-01")
    assert price_at("open", "2025-03-01", "p").price_in_usd_per_mtok == 2.0


def test_the_commands_print_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["data", "prices", "--model", "gemini-1.5-flash", "--at", "2024-12-31", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["price_in_usd_per_mtok"], told["before"]["price_in_usd_per_mtok"]) == (0.075, 0.35)
    assert told["after"] is None
    assert cli.run(["data", "index", "--resamples", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {part["index"] for part in told["rows"]} == {"fixed_quality", "tier", "matched"}
    assert len(told["series"]) > 200
    assert cli.run(["data", "index", "--resamples", "3"]) == 0
    assert "tier, economy" in capsys.readouterr().out
    assert cli.run(["data", "index", "--resamples", "0"]) == 2
