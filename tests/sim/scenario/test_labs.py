"""Labs in scenario files: what contradicts itself is refused, in one message each, and what is off costs nothing."""

from __future__ import annotations

from typing import Any

import pytest
from lab_markets import COPIER, LEADER, raw_labs, research, stated, student, with_labs

from sim.scenario.load import dump_scenario, parse_scenario
from sim.shared.errors import InputError, InputErrors
from sim.shared.yaml import read_yaml

LENT = {"kind": "accounts", "output_mtok": 1, "lent": {"reseller": "leader"}}


def refusal(raw: dict[str, Any]) -> str:
    with pytest.raises((InputError, InputErrors)) as caught:
        parse_scenario(raw, "test")
    return str(caught.value)


def test_labs_are_written_and_read_back(tmp_path: Any) -> None:
    raw = with_labs({"research": research()}, {"students": [student()]}, {"kind": "defended"})
    scenario = parse_scenario(raw, "test")
    path = tmp_path / "scenario.yaml"
    path.write_text(dump_scenario(scenario))
    assert parse_scenario(read_yaml(path), "again") == scenario
    assert scenario.waiting_offers == {"copy"}


@pytest.mark.parametrize(
    ("leader", "copier", "words"),
    [
        ({"research": research(offer="copy")}, {}, "lab.research.offer"),
        ({"research": research(successors=["open"])}, {}, "lab.research.successors"),
        ({"research": research(successors=["best"])}, {}, "an offer that one part makes"),
        ({}, {"students": [student(offer="best")]}, "lab.students.offer"),
        ({}, {"students": [student(teacher_offer="none")]}, "teacher_offer"),
        ({}, {"students": [student(source={"kind": "own", "output_mtok": 1})]}, "source.kind own"),
        ({}, {"students": [student(teacher_offer="copy")]}, "teacher_offer"),
        ({}, {"students": [student(), student()]}, "an offer that one part makes"),
        ({}, {"students": [student(source=LENT)]}, "source.lent.reseller"),
        ({}, {"reinforcement": [{"offer": "best"}]}, "lab.reinforcement.offer"),
        ({}, {"reinforcement": [{"offer": "copy", "judge_offer": "none"}]}, "judge_offer"),
    ],
)
def test_what_contradicts_itself_is_refused(leader: dict[str, Any], copier: dict[str, Any], words: str) -> None:
    assert words in refusal(with_labs(leader, copier))


def test_abilities_move_only_where_success_hangs_on_them() -> None:
    raw = with_labs({"research": research()})
    raw["tasks"][1]["success"] = "identity"
    assert "irt, where labs move abilities" in refusal(raw)
    parse_scenario(raw_labs(tasks=raw["tasks"]), "test")


def test_a_defence_without_thresholds_to_choose_from_is_refused() -> None:
    assert "lowest_tau" in refusal(with_labs(access={"kind": "defended", "lowest_tau": 5, "highest_tau": 1}))


def test_an_intervention_may_not_change_which_offers_wait() -> None:
    raw = with_labs(None, {"students": [student()]})
    waits = {"key": "providers.copier.lab.students.copy.waits", "value": False}
    raw["interventions"] = [{"day": 9, "changes": [waits]}]
    assert "frame" in refusal(raw)
    raw["interventions"][0]["changes"] = [{"key": "providers.copier.lab.students", "value": []}]
    assert "another number or order" in refusal(raw)
    raw["interventions"][0]["changes"] = [{"key": "providers.leader.lab.research", "value": research()}]
    parse_scenario(raw, "test")


def test_a_name_that_the_books_use_is_refused() -> None:
    raw = raw_labs()
    raw["providers"][COPIER]["name"] = "brokers"
    assert "which the books use" in refusal(raw)


def test_a_waiting_offer_needs_a_cost_that_is_not_inferred_from_its_price() -> None:
    from sim.market import Market
    from sim.shared.catalog import shipped_catalog

    raw = with_labs({"research": research(successors=["next"])})
    raw["providers"][LEADER]["offers"].append({"name": "next", "model": "base", "list_price": stated(1, 5)})
    with pytest.raises(InputError, match=r"offers\.next\.cost"):
        Market(parse_scenario(raw, "test"), shipped_catalog())
