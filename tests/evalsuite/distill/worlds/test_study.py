"""Studies of small worlds: every method makes a row, rows are kept as they are measured, and the commands say so."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("trl")

from evalsuite.cli_distill import distill_app
from evalsuite.distill import dose
from evalsuite.distill.worlds import study as module
from evalsuite.distill.worlds.pupils import Classroom
from evalsuite.distill.worlds.scale import FULL, QUICK, recipe_of
from evalsuite.distill.worlds.study import judged, run_study, ways
from evalsuite.distill.worlds.table import JUDGE_RL, SMALL_WORLDS
from sim.shared.errors import InputError, RunInterrupted

PAGE = Path(__file__).resolve().parents[4] / "docs" / "distillation.md"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick teachers are taught once for all tests of this file."""
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "study-cache"))


def test_every_method_of_the_lab_makes_a_row_at_equal_queries(tmp_path: Path) -> None:
    rows = run_study("doses", ["countdown"], 1, tmp_path, "the command", quick=True)
    frame = pd.read_csv(rows.path)
    assert list(frame.columns) == SMALL_WORLDS.column_names
    names = [way.name for way in ways(QUICK["countdown"])]
    assert frame["method"].tolist() == names
    assert (frame["queries"] == 128).all()
    told = frame[frame["method"] != "scratch"]
    sampled = told[~told["method"].str.endswith("greedy")]
    assert sampled["distinct_teacher_tokens"].nunique() == 1
    paid = frame.set_index("method")["paid_usd"]
    assert paid["scratch"] == 0
    assert paid["full"] > paid["outputs"] > 0
    assert (frame["own_tokens"] > 0).tolist() == frame["method"].isin(["on_policy", "judge_rl"]).tolist()
    assert frame["teacher_sampled_share"].nunique() == 1
    assert ((frame["sampled_low"] <= frame["sampled_share"]) & (frame["sampled_share"] <= frame["sampled_high"])).all()
    assert (frame["difference"] - (frame["sampled_share"] - frame["teacher_sampled_share"])).abs().max() < 1e-9
    assert frame["recipe_sha256"].nunique() == len(frame)


def test_a_killed_study_goes_on_at_the_cell_that_it_was_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_study("doses", ["knowledge"], 1, tmp_path / "whole", "the command", quick=True).frame
    real = Classroom.row
    made: list[str] = []

    def row(room: Classroom, pupil: Any, *rest: Any) -> Any:
        made.append(pupil.recipe_sha256)
        if len(made) == 4:
            raise KeyboardInterrupt
        return real(room, pupil, *rest)

    monkeypatch.setattr(Classroom, "row", row)
    with pytest.raises(RunInterrupted, match="the command"):
        run_study("doses", ["knowledge"], 1, tmp_path / "cut", "the command", quick=True)
    assert len(pd.read_csv(tmp_path / "cut" / "small_worlds.csv")) == 3
    again = run_study("doses", ["knowledge"], 1, tmp_path / "cut", "the command", quick=True).frame
    assert len(made) == len(whole) + 1
    same = [name for name in SMALL_WORLDS.column_names if name not in ("training_s", "tokens_per_s", "date")]
    pd.testing.assert_frame_equal(again[same], whole[same], check_exact=True)
    run_study("doses", ["knowledge"], 1, tmp_path / "cut", "the command", quick=True)
    assert len(made) == len(whole) + 1


def test_judges_and_controls_make_a_row_each_and_errors_are_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        distill_app, ["worlds", "--study", "judge", "--quick", "--seeds", "1", "--out", str(tmp_path), "--json"]
    )
    assert done.exception is None
    rows = {row["condition"]: row for row in json.loads(done.stdout)["rows"]}
    assert set(rows) == {
        "imitation", "imitation, longer", "verifier", "teacher", "teacher, yes or no", "shuffled rewards",
        "verifier, 0.1 of verdicts wrong", "verifier, 0.3 of verdicts wrong", "the teacher itself, by verifier",
        "the teacher itself, by teacher",
    }  # fmt: skip
    assert rows["imitation, longer"]["training_tokens"] > rows["imitation"]["training_tokens"]
    assert rows["verifier"]["judge_false_positive_rate"] == 0
    assert 0.2 < rows["verifier, 0.3 of verdicts wrong"]["judge_false_positive_rate"] < 0.4
    assert rows["imitation"]["judged_answers"] == 0
    frame = pd.read_csv(tmp_path / "judge_rl.csv")
    assert list(frame.columns) == JUDGE_RL.column_names
    reinforced = frame[frame["judged_answers"] > 0]
    assert reinforced["first_reward"].notna().all()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--world", "chess"], "--world.*knowledge, addition, countdown"),
        (["--study", "prices"], "--study.*doses, judge"),
        (["--seeds", "0"], "--seeds.*at least 1"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(distill_app, ["worlds", "--quick", "--out", str(tmp_path), *arguments])
    assert isinstance(done.exception, InputError)
    assert re.search(told, str(done.exception))


def test_the_study_of_doses_of_text_sends_a_worlds_recipe_here() -> None:
    recipe = recipe_of(QUICK["addition"], "small", {"kind": "outputs"}, 128, 0, 1.0)
    with pytest.raises(InputError, match=r"text\.world.*undercut distill worlds"):
        dose.check(recipe, dose.Study(doses=(0, 10_000)))


def test_a_file_that_is_another_table_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "small_worlds.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="name another folder"):
        run_study("doses", ["knowledge"], 1, tmp_path, "the command", quick=True)
    assert path.read_text() == "a,b\n1,2\n"


def test_the_full_sizes_make_recipes_that_are_whole() -> None:
    for scale in FULL.values():
        assert 50_000 <= _params(scale) <= 3_000_000
        for way in ways(scale):
            if scale.world.kind in way.worlds:
                recipe = recipe_of(scale, "small", way.method, scale.doses[0], 0, way.temperature)
                assert recipe.terms.queries == scale.doses[0]
    assert judged(FULL["countdown"], {"kind": "teacher"})["judge"] == {"kind": "teacher"}
    assert FULL["countdown"].items >= 2000
    assert module.STUDIES == ("doses", "judge")


def _params(scale: Any) -> int:
    from evalsuite.distill.worlds.net import make_net
    from evalsuite.distill.worlds.tokens import make_tokenizer

    return sum(weight.numel() for weight in make_net(scale.schooling.net, make_tokenizer(scale.world), 0).parameters())


def test_the_pages_quick_commands_run_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^    undercut distill (worlds .*--quick.*)$", PAGE.read_text(encoding="utf-8"), re.M)
    assert len(commands) >= 2
    for command in commands:
        done = CliRunner().invoke(distill_app, shlex.split(command))
        assert done.exception is None, done.exception
        assert "table: runs" in done.stdout
