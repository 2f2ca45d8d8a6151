"""Contradictions have one scheme of names: those of an area stand in `<area>_contradictions`, as `wrong_<area>`."""

from __future__ import annotations

import importlib
from pathlib import Path

from sim.scenario import contradictions

FOLDER = Path(contradictions.__file__).parent
AREAS = sorted(path.stem.removesuffix("_contradictions") for path in FOLDER.glob("*_contradictions.py"))


def test_every_area_is_asked() -> None:
    assert {"conduct", "labs", "supply"} <= set(AREAS)
    for area in AREAS:
        function = getattr(importlib.import_module(f"sim.scenario.{area}_contradictions"), f"wrong_{area}")
        assert vars(contradictions)[f"wrong_{area}"] is function
        assert f"*wrong_{area}(scenario, source)," in Path(contradictions.__file__).read_text()


def test_no_contradiction_is_told_elsewhere() -> None:
    others = [path for path in FOLDER.glob("*.py") if not path.stem.endswith("contradictions")]
    assert [path.name for path in others if "def wrong_" in path.read_text()] == []
