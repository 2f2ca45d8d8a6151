"""The shelf says of every shipped table what the README says, and the README says something of every one."""

from __future__ import annotations

import pytest

from dashboard import shelf
from sim.shared.tables import read_table

FOUND = shelf.read_shelf()


def test_every_entry_has_a_source_and_a_licence() -> None:
    assert len(FOUND.entries) >= 10
    assert all(entry.holds and entry.source and entry.licence for entry in FOUND.entries)
    kinds = {entry.name: entry.evidence for entry in FOUND.entries}
    assert kinds["prices.csv"] == shelf.CITED
    assert kinds["measured/"] == shelf.MEASURED
    assert kinds["simulated/"] == shelf.SIMULATED
    assert kinds["scenarios/"] == shelf.ASSUMED


@pytest.mark.parametrize("name", FOUND.tables)
def test_every_table_has_a_dictionary_of_its_columns(name: str) -> None:
    described = FOUND.columns(name)
    assert len(described), name
    assert described["column"].is_unique
    assert (described["meaning"] != "").all()
    there = set(read_table(FOUND.folder / name).columns)
    assert set(described["column"]) <= there
    # The README speaks of the six shares of the map as one.
    assert len(described) >= len(there) - (6 if name.startswith("simulated/") else 0)


def test_columns_of_one_table_alone_are_not_told_of_another() -> None:
    worlds, judges = (set(FOUND.columns(f"measured/{name}.csv")["column"]) for name in ("small_worlds", "judge_rl"))
    assert "truth_kl_nats" in worlds - judges
    assert "judged_answers" in judges - worlds
    assert "sampled_share" in worlds & judges
