"""The shipped markets that claims are tested on show what their titles say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.metrics.abilities import mean_abilities
from sim.results import RunResult
from sim.runner import run
from sim.scenario.load import load_scenario, parse_scenario
from sim.scenario.paths import put_at
from sim.shared.catalog import shipped_catalog

BUILT = "providers.platform.lab.releases.editor-own.release_day"
OPEN = {"providers.victim.access": {"kind": "open", "returns": "topk"}}
NOTHING = {"providers.copier.lab.students.copy.worth": {"text": 1e-9, "topk": 1e-9, "full": 1e-9}}


def played(name: str, changes: Mapping[str, Any] | None = None) -> RunResult:
    """A shipped scenario with some fields changed."""
    raw = load_scenario(name).model_dump(mode="json")
    for key, value in (changes or {}).items():
        put_at(raw, key, value, name)
    return run(parse_scenario(raw, name), shipped_catalog())


def thetas(result: RunResult, offer: str) -> list[float]:
    """Every ability that an offer had, in order."""
    found = mean_abilities(result.tables)
    return [float(theta) for theta in found[found["offer"] == offer]["theta"]]


def theta(result: RunResult, offer: str, day: float) -> float:
    found = mean_abilities(result.tables)
    return float(found[(found["offer"] == offer) & (found["day"] <= day)]["theta"].iloc[-1])


def share(result: RunResult, provider: str) -> float:
    """Of tokens, in the last interval."""
    table = result.tables["shares"]
    last = table[(table["provider"] == provider) & (table["day"] == table["day"].max())]
    return float(last["share_of_tokens"].sum())


def test_who_distils_follows_who_trains_from_scratch() -> None:
    result = played("distil_or_train")
    days = range(730, 3650, 365)
    trained, distilled = (np.array([theta(result, offer, day) for day in days]) for offer in ("trained", "distilled"))
    assert trained[-1] > theta(result, "trained", 0) + 1.0
    assert (distilled <= trained).all()
    assert distilled[-1] > theta(result, "distilled", 0) + 0.5
    books = result.tables["providers"].groupby("provider")["research_usd"].sum()
    assert books["distiller"] < 0.5 * books["trainer"]
    alone = played("distil_or_train", {"providers.distiller.lab.students.distilled.first_day": None})
    assert len(thetas(alone, "distilled")) == 1


def test_a_platform_that_is_entered_upon_sells_its_own_model_from_the_stated_day() -> None:
    late, never = (played("platform_dates", {BUILT: day}) for day in (1090.0, None))
    for result in (late, never):
        events = result.tables["events"]
        entered = events[(events["event"] == "release") & (events["offer"] == "frontier-editor")]
        assert entered["day"].tolist() == [910.0]
        assert (events[events["event"] == "fallback"]["offer"] == "editor-second").all()
    demand = late.tables["demand"]
    assert demand[demand["offer"] == "editor-own"]["day"].min() > 1090
    assert "editor-own" not in set(never.tables["demand"]["offer"])
    kept = played("platform_dates", {"providers.lab.forward_entry": None})
    assert "frontier-editor" not in set(kept.tables["demand"]["offer"])
    assert not (kept.tables["events"]["event"] == "cut_off").any()


def test_copies_are_published_and_served_by_others() -> None:
    result = played("open_attack", OPEN)
    copies = thetas(result, "copy")
    assert copies[-1] > copies[0] + 0.5
    for host in ("hosted-a", "hosted-b"):
        served = thetas(result, host)
        assert len(served) > 1
        assert all(np.abs(np.array(copies) - value).min() < 0.01 for value in served)
    assert share(result, "host-a") > 0.01
    alone = played("open_attack", NOTHING)
    assert share(alone, "host-a") == share(alone, "copier") == 0.0
    assert alone.tables["takings"].empty
