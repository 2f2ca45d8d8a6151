from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from eval_run import ITEMS, TASKS, write_run

from dashboard import cli
from dashboard.findings import NOT_MEASURED, Findings, mean_with_interval, read_findings
from dashboard.page import page_html
from dashboard.report import report_page, write_report
from evalsuite.analysis import cascade_table, frontier_table, read_run
from evalsuite.ledgers import measured
from sim.shared.manifest import read_manifest
from sim.shared.tables import write_parquet

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    def make(**options: object) -> Path:
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        return write_run(tmp_path / "run", **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("default") / "run")


@pytest.fixture(scope="module")
def found(run_folder: Path) -> Findings:
    return read_findings(run_folder)


@pytest.fixture(scope="module")
def written(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the default run's report."""
    out = tmp_path_factory.mktemp("written") / "report"
    write_report(run_folder, out)
    return out


class Tables(HTMLParser):
    """The tables of a page by the title above each: rows of cells, the heads left out; and all its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.tags: set[str] = set()
        self.text = ""
        self._title, self._in, self._rows, self._body = "", "", [[]], False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._in = tag
        self._body = self._body or tag == "tbody"
        if tag in ("h2", "h3"):
            self._title = ""
        if tag == "tbody":
            self._rows = []
        if tag == "tr" and self._body:
            self._rows.append([])
        if tag == "td" and self._body:
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "tbody":
            self.found[self._title] = self._rows
            self._body = False
        self._in = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in in ("h2", "h3"):
            self._title += data
        if self._in == "td" and self._body:
            self._rows[-1][-1] += data


def page_of(folder: Path) -> Tables:
    return Tables((folder / "report.html").read_text(encoding="utf-8"))


def number(cell: str) -> float:
    return float(cell.replace("−", "-").replace(",", ""))


def interval(cell: str) -> list[float]:
    return [number(end) for end in cell.split(" to ")]


def test_the_page_shows_the_numbers_of_the_tables(run_folder: Path, written: Path) -> None:
    page, run = page_of(written), read_run(run_folder)
    for model in run.models:
        rows = page.found[model]
        mine = run.quality[run.quality["model"] == model]
        assert [row[0] for row in rows] == list(TASKS)
        for at, name in ((1, "score"), (2, "stderr"), (3, "chance"), (4, "n"), (5, "errors"), (6, "clusters")):
            assert [number(row[at]) for row in rows] == pytest.approx(list(mine[name]), abs=5e-4)
    pairs = pd.read_parquet(run_folder / "pairs.parquet")
    shown = page.found["Paired differences"]
    for at, name in ((1, "n"), (2, "difference"), (5, "p_value"), (6, "p_holm"), (8, "agreement")):
        values = [0.0 if row[at] == "<0.001" else number(row[at]) for row in shown]
        assert values == pytest.approx(list(pairs[name]), abs=5e-4)
    assert [interval(row[3]) for row in shown] == pytest.approx(pairs[["low", "high"]].to_numpy(), abs=5e-4)
    frontier = frontier_table(run, measured(run.cost))
    shown = page.found["Frontier, measured ledger"]
    assert [number(row[1]) for row in shown] == pytest.approx(list(frontier["accuracy"]), abs=5e-4)
    assert [number(row[3]) for row in shown] == pytest.approx(list(frontier["usd_per_request"]), rel=5e-3)
    assert [number(row[6]) for row in shown] == pytest.approx(list(frontier["frontier_probability"]), abs=5e-4)
    cascade = cascade_table(run, measured(run.cost), "master", "pupil")
    assert [number(row[1]) for row in page.found["Cascade"]] == pytest.approx(list(cascade["accuracy"]), abs=5e-4)
    by_phase = page.found["Measured, by phase"]
    cost = run.cost.set_index(["model", "phase"]).loc[[(row[0], row[1]) for row in by_phase]]
    assert [number(row[3]) for row in by_phase] == pytest.approx(list(cost["usd_per_mtok"]), rel=5e-3)
    assert [interval(row[4]) for row in by_phase] == pytest.approx(cost[["low", "high"]].to_numpy(), rel=5e-3)


def test_both_ledgers_stand_side_by_side_and_are_not_added(found: Findings, written: Path) -> None:
    rows = page_of(written).found["The ledgers, by token and by text"]
    for row, (_, known) in zip(rows, found.per_token.iterrows(), strict=True):
        read = known["measured usd_per_mtok_in"], known["modelled usd_per_mtok_in"]
        assert [number(row[1]), number(row[5])] == pytest.approx(read, rel=5e-3)
        assert known["measured usd_per_mb_in"] == pytest.approx(read[0] / 4.2)
    classes = set(found.per_class["task_class"])
    assert classes == {"chat", "code"}  # the floor's class is in no mean


def test_the_headline_is_computed_from_the_tables(found: Findings) -> None:
    quality, cost, _ = found.headline()
    pairs = found.pairs[found.pairs["task"] != "riddles"]
    points = 100 * pairs["difference"].mean()
    assert f"a difference of −{-points:.1f} percentage points" in quality
    half = 100 * 1.959964 * np.sqrt((pairs["stderr"] ** 2).sum()) / 2
    assert f"(95% interval −{half - points:.1f} to −{-points - half:.1f})" in quality
    ratio = found.run.cost.set_index(["model", "phase"]).loc[("pupil", "prefill"), "ratio"]
    assert f"reads costs {100 * ratio:.1f}%" in cost


def test_a_mean_over_tasks_takes_their_errors_as_independent() -> None:
    mean, low, high = mean_with_interval(pd.Series([0.2, 0.4]), pd.Series([0.03, 0.04]))
    assert (mean, high - mean) == (pytest.approx(0.3), pytest.approx(1.959964 * 0.025))
    assert mean - low == pytest.approx(high - mean)


def test_one_file_holds_all_and_runs_no_script(written: Path) -> None:
    text = (written / "report.html").read_text(encoding="utf-8")
    assert text.count("<svg ") == 2 * 4  # each chart for a wide and for a narrow screen
    assert not Tables(text).tags & {"script", "link", "img", "iframe", "object"}
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", text.replace("xlink:", ""))
    assert "prefers-color-scheme: dark" in text
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(identifiers)


def test_pictures_lie_beside_the_markdown_page_and_say_what_they_show(found: Findings, written: Path) -> None:
    text = (written / "report.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[(.+)\]\((\w+\.svg)\)", text)
    assert [name for _, name in pictures] == ["frontier.svg", "scores.svg", "differences.svg", "cascade.svg"]
    assert {path.name for path in written.iterdir()} == {"report.html", "report.md", *(name for _, name in pictures)}
    for said, name in pictures:
        assert len(said) > 40
        assert ElementTree.parse(written / name).getroot().tag.endswith("svg")
    page = report_page(found)
    cells = [cell for section in page.sections for table in section.tables for row in table.rows() for cell in row]
    plain = text.replace("\\", "")
    assert all(cell in plain for cell in cells)
    assert "| Score (fraction) |" in text


def test_equal_runs_give_equal_bytes(run_folder: Path, written: Path, tmp_path: Path) -> None:
    report = write_report(run_folder, tmp_path / "again")
    assert len(report.files) == len(list(written.iterdir())) == 6
    for path in report.files:
        assert path.read_bytes() == (written / path.name).read_bytes()


def test_time_and_host_stay_in_the_manifest(run_folder: Path, written: Path) -> None:
    manifest = read_manifest(run_folder)
    for path in written.iterdir():
        text = path.read_text(encoding="utf-8")
        assert manifest.written_at not in text
        assert str(manifest.host["processor"]) not in text
        assert str(run_folder.parent) not in text
    made = dict(page_of(written).found["How this was made"])
    assert made["command"] == manifest.command
    assert made["setting dtype"] == "bfloat16"
    assert made["assumed: this machine costs that rent"] == "a guess"


def test_names_are_text_and_never_markup(make_run: MakeRun, tmp_path: Path) -> None:
    name = '<b>x & "y"|`z`'
    write_report(make_run(models=("master", name)), tmp_path / "report")
    text = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "<b>" not in text
    assert name in Tables(text).found
    assert "b" not in Tables(text).tags
    assert not re.search(r"(?<!\\)<b>", (tmp_path / "report" / "report.md").read_text(encoding="utf-8"))
    assert ElementTree.parse(tmp_path / "report" / "scores.svg") is not None


def test_items_in_error_are_listed_with_their_reason(make_run: MakeRun, tmp_path: Path) -> None:
    write_report(make_run(broken=15), tmp_path / "report")
    ((model, task, count, reason, items),) = page_of(tmp_path / "report").found["Items in error"]
    assert (model, task, count, reason) == ("pupil", "digits", "15", "prompt longer than 2,048 tokens")
    assert items.startswith("digits/0, digits/1,")
    assert items.endswith("and 3 more")
    write_report(make_run(broken=0), tmp_path / "report")
    assert "None: every item was scored." in page_of(tmp_path / "report").text


def test_one_model_has_no_pair_and_no_cascade_and_the_page_says_so(make_run: MakeRun, tmp_path: Path) -> None:
    report = write_report(make_run(models=("master",)), tmp_path / "report")
    assert (report.teacher, report.student) == ("", "")
    assert report.headline[-1] == "The run has one model: there is no pair to compare, and no cascade."
    page = page_of(tmp_path / "report")
    assert not page.found.keys() & {"Paired differences", "Cascade"}
    assert "there is nobody to send hard items up to" in page.text
    assert not (tmp_path / "report" / "cascade.svg").exists()


def test_a_model_without_cost_and_shape_is_said_to_be_not_measured_here(make_run: MakeRun, tmp_path: Path) -> None:
    report = write_report(make_run(models=("master", "pupil", "third"), timed=("master", "pupil")), tmp_path / "report")
    assert report.student == "third"
    assert report.headline[1] == f"The cost of third is {NOT_MEASURED}."
    page = page_of(tmp_path / "report")
    assert page.found["Measured, by phase"][-1][:2] == ["third", NOT_MEASURED]
    assert page.found["Frontier, measured ledger"][-1][:4] == ["third", "–", "–", NOT_MEASURED]
    assert page.found["The ledgers, by token and by text"][-1][1] == NOT_MEASURED
    assert [row[0] for row in page.found["Paired differences"]] == list(TASKS)
    assert f"No curve: the cost of third is {NOT_MEASURED}." in page.text


def test_a_model_behind_an_endpoint_has_its_list_price_and_no_other(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run(timed=("master",), behind=("pupil",))
    row = read_findings(folder).per_token.set_index("model").loc["pupil"]
    assert row["list price usd_per_mb_in"] == pytest.approx(7.5 / 4.0)  # four bytes a token
    assert np.isnan(row["measured usd_per_mtok_in"])
    write_report(folder, tmp_path / "report")
    rows = {cells[0]: cells for cells in page_of(tmp_path / "report").found["The ledgers, by token and by text"]}
    assert any(cell.startswith("7.5") for cell in rows["pupil"])
    assert "no endpoint" in rows["master"]


def test_a_run_that_timed_nobody_still_has_its_quality(make_run: MakeRun, tmp_path: Path) -> None:
    write_report(make_run(timed=()), tmp_path / "report")
    page = page_of(tmp_path / "report")
    assert f"There is no frontier: cost is {NOT_MEASURED}." in page.text
    assert set(page.found) >= {"master", "pupil", "Paired differences"}


def test_a_task_without_scored_items_and_answers_without_confidence_break_nothing(
    make_run: MakeRun, tmp_path: Path
) -> None:
    write_report(make_run(broken=ITEMS, sure=False), tmp_path / "report")
    page = page_of(tmp_path / "report")
    assert page.found["pupil"][1][1] == "–"
    assert "no item that both answered has a confidence of pupil" in page.text
    assert [row[0] for row in page.found["Paired differences"]] == ["facts", "riddles"]


def test_a_run_without_a_relation_takes_the_pair_that_is_named_or_its_first_two(make_run: MakeRun) -> None:
    folder = make_run(models=("master", "pupil", "third"), related=False)
    chosen = read_findings(folder).pair
    assert chosen is not None
    assert (chosen.teacher, chosen.student, chosen.related) == ("master", "pupil", False)
    named = read_findings(folder, teacher="third", student="master")
    assert "third" in named.headline()[0]
    assert "its teacher" not in named.headline()[0]
    assert list(named.pairs["teacher"].unique()) == ["third"]


def test_a_chart_is_drawn_for_a_narrow_screen_too(found: Findings) -> None:
    page = report_page(found)
    text = page_html(page, {picture.name: "<svg/>" for picture in page.pictures})
    widths = [float(width) for width in re.findall(r'<svg [^>]*?width="([\d.]+)"', text)]
    assert len(widths) == 4
    assert max(widths) <= 350


def test_the_command_prints_one_object_and_writes_into_the_run(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run()
    assert cli.run(["eval", "report", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["teacher"], found["student"]) == ("master", "pupil")
    assert str(folder / "report" / "report.html") in found["files"]
    assert all(Path(path).is_file() for path in found["files"])
    assert len(found["headline"]) == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--teacher", "nobody"], "master, pupil"), (["--teacher", "pupil", "--student", "pupil"], "two models")],
)
def test_wrong_models_are_exit_2(
    more: list[str], said: str, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["eval", "report", str(make_run()), *more]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_no_eval_run_or_was_changed_is_exit_2(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["eval", "report", str(tmp_path)]) == 2
    assert "manifest.json" in capsys.readouterr().err
    folder = make_run()
    (folder / "samples.parquet").unlink()
    assert cli.run(["eval", "report", str(folder)]) == 2
    assert "samples.parquet" in capsys.readouterr().err
    folder = make_run()
    write_parquet(pd.DataFrame({"x": [1]}), folder / "cost.parquet")
    assert cli.run(["eval", "report", str(folder)]) == 2
    assert "changed since" in capsys.readouterr().err
    assert not (folder / "report").exists()


def test_the_base_installation_writes_it_too(run_folder: Path, tmp_path: Path) -> None:
    arguments = ["eval", "report", str(run_folder), "--out", str(tmp_path / "report")]
    code = f"""
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("torch", "transformers", "lm_eval", "streamlit"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from dashboard import cli
sys.exit(cli.run({arguments!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").is_file()


def test_foreign_files_are_never_replaced(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert cli.run(["eval", "report", str(make_run()), "--out", str(tmp_path / "mine")]) == 2
    assert "report.html" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
