from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from dashboard.cli import app
from dashboard.export import FORMATS, export_result, export_run
from sim.results import RESULT_TABLES, RunResult, write_result
from sim.runner import run
from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import shipped_catalog
from sim.shared.errors import InputError
from sim.shared.manifest import Manifest, sha256_of_file
from sim.shared.tables import read_table, write_parquet


@pytest.fixture
def run_folder(small_result: RunResult, tmp_path: Path) -> Path:
    write_result(small_result, tmp_path / "run")
    return tmp_path / "run"


def test_csv_holds_every_table_exactly_with_dictionary_scenario_and_manifest(
    run_folder: Path, small_result: RunResult, tmp_path: Path
) -> None:
    files = {path.name for path in export_run(run_folder, "csv", tmp_path / "out")}
    assert files == {f"{spec.name}.csv" for spec in RESULT_TABLES} | {
        "dictionary.csv", "datapackage.json", "manifest.json", "scenario.yaml",
    }  # fmt: skip
    for name, frame in small_result.tables.items():
        read = pd.read_csv(tmp_path / "out" / f"{name}.csv", keep_default_na=False, na_values=[])
        for column in frame.select_dtypes("number"):
            cells = read[column].replace("", "nan").astype(float).to_numpy()
            assert np.array_equal(cells, frame[column].to_numpy(), equal_nan=True), (name, column)
    described = pd.read_csv(tmp_path / "out" / "dictionary.csv")
    assert set(described["table"]) == set(small_result.tables)


def test_parquet_tables_have_the_bytes_of_the_run(run_folder: Path, tmp_path: Path) -> None:
    export_run(run_folder, "parquet", tmp_path / "out")
    for spec in RESULT_TABLES:
        name = f"{spec.name}.parquet"
        assert (tmp_path / "out" / name).read_bytes() == (run_folder / name).read_bytes()


def test_workbook_has_its_sheets_and_the_numbers_of_the_run(
    run_folder: Path, small_result: RunResult, tmp_path: Path
) -> None:
    export_run(run_folder, "xlsx", tmp_path / "run.xlsx")
    book = openpyxl.load_workbook(tmp_path / "run.xlsx")
    assert book.sheetnames[:5] == ["README", "Scenario", "Results", "Dictionary", "Provenance"]
    rows = list(book["shares"].iter_rows(values_only=True))
    column = rows[0].index("share_of_tokens")
    # A workbook holds 16 digits of a number.
    wanted = small_result.tables["shares"]["share_of_tokens"].tolist()
    assert [row[column] for row in rows[1:]] == pytest.approx(wanted, rel=1e-15)
    provenance = dict(book["Provenance"].iter_rows(min_row=2, values_only=True))
    assert len(str(provenance["content sha256"])) == 64
    assert not any("host" in str(key) or "written" in str(key) for key in provenance)


def test_workbook_turns_no_text_into_a_formula_or_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "eval"
    folder.mkdir()
    texts = ["=1+1", "+A1", "-A1", "@SUM(A1)", "https://example.org", "\tx"]
    frame = pd.DataFrame(
        {"text": pd.Series(texts, dtype="string"), "speed_tokens_per_s": [1.0, float("nan"), 2, 3, 4, 5]}
    )
    content = {"mine.parquet": write_parquet(frame, folder / "mine.parquet")}
    Manifest("eval run", "undercut eval run", content=content).write(folder)
    export_run(folder, "xlsx", tmp_path / "run.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "run.xlsx")["mine"]
    cells = [row[0] for row in sheet.iter_rows(min_row=2, max_row=7)]
    assert [cell.value for cell in cells] == texts
    assert all(cell.data_type == "s" and cell.hyperlink is None for cell in cells)
    assert sheet.cell(3, 2).value is None
    export_run(folder, "csv", tmp_path / "csv")
    described = pd.read_csv(tmp_path / "csv" / "dictionary.csv")
    assert described.set_index("column").loc["speed_tokens_per_s", "unit"] == "tokens per second"


def test_markdown_says_the_shares_at_the_end_and_the_command(run_folder: Path, tmp_path: Path) -> None:
    export_run(run_folder, "md", tmp_path / "run.md")
    text = (tmp_path / "run.md").read_text()
    assert "| gamma | student |" in text
    assert "undercut sim run small" in text


@pytest.mark.parametrize("format", list(FORMATS))
def test_a_download_has_the_bytes_of_the_command_lines_export(
    format: str, run_folder: Path, small_result: RunResult, tmp_path: Path
) -> None:
    download = export_result(small_result, format)
    files = export_run(run_folder, format, tmp_path / "out")
    if not FORMATS[format].folder:
        assert download.content == files[0].read_bytes()
        return
    with zipfile.ZipFile(io.BytesIO(download.content)) as archive:
        names = {path.relative_to(tmp_path / "out").as_posix(): path for path in files}
        assert sorted(archive.namelist()) == sorted(names)
        for name, path in names.items():
            if path.name == "manifest.json":
                mine, theirs = json.loads(archive.read(name)), json.loads(path.read_bytes())
                for moving in ("written_at", "host"):
                    mine.pop(moving), theirs.pop(moving)
                assert mine == theirs
            else:
                assert archive.read(name) == path.read_bytes(), path.name


def test_a_different_result_gives_different_bytes(small_result: RunResult) -> None:
    shares = small_result.tables["shares"].copy()
    shares.loc[0, "share_of_tokens"] += 1e-9
    other = replace(small_result, tables={**small_result.tables, "shares": shares})
    assert export_result(small_result, "xlsx").content != export_result(other, "xlsx").content


def test_an_unknown_format_is_refused_with_those_there_are(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bundle, csv, csv-safe, parquet, xlsx, md, tex"):
        export_run(run_folder, "ods", tmp_path / "out")


def test_a_table_changed_since_it_was_written_is_refused(run_folder: Path, tmp_path: Path) -> None:
    with (run_folder / "shares.parquet").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match="changed since"):
        export_run(run_folder, "csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_place_that_cannot_be_written_is_one_message_and_nothing_is_left(
    format: str, run_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="--out"):
        export_run(run_folder, format, tmp_path / "file" / "out")
    if format == "csv":
        with pytest.raises(InputError, match="nothing was written"):
            export_run(run_folder, format, tmp_path / "file")
    else:
        with pytest.raises(InputError, match="file name"):
            export_run(run_folder, format, tmp_path)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_is_no_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="output folder"):
        export_run(tmp_path, "csv", tmp_path / "out")


def test_text_that_a_spreadsheet_would_run_is_quoted_and_numbers_are_not(tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "plain", "a=b", ""]
    frame = pd.DataFrame({"text": texts, "number": [-1.5] * len(texts), "=name": texts})
    (tmp_path / "run").mkdir()
    write_parquet(frame, tmp_path / "run" / "odd.parquet")
    Manifest("a test", "none").write(tmp_path / "run")
    export_run(tmp_path / "run", "csv-safe", tmp_path / "out")
    lines = list(csv.reader((tmp_path / "out" / "odd.csv").open(newline="")))
    assert lines[0] == ["text", "number", "'=name"]
    told = [row[0] for row in lines[1:]]
    assert told == [f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and text else text for text in texts]
    assert {row[1] for row in lines[1:]} == {"-1.5"}
    export_run(tmp_path / "run", "csv", tmp_path / "plain")
    assert [row[0] for row in csv.reader((tmp_path / "plain" / "odd.csv").open(newline=""))][1:] == texts


@pytest.mark.parametrize("format", ["csv", "parquet", "bundle"])
def test_a_data_package_describes_every_column_of_every_file(
    run_folder: Path, small_result: RunResult, tmp_path: Path, format: str
) -> None:
    out = tmp_path / "out"
    export_run(run_folder, format, out)
    described = json.loads((out / "datapackage.json").read_text())
    assert {resource["name"] for resource in described["resources"]} == set(small_result.tables)
    for resource in described["resources"]:
        path = out / resource["path"]
        assert resource["hash"] == f"sha256:{sha256_of_file(path)}"
        assert resource["bytes"] == path.stat().st_size
        read = read_table(path)
        assert [field["name"] for field in resource["schema"]["fields"]] == list(read.columns)
        for field in resource["schema"]["fields"]:
            if field["type"] in ("integer", "number") and len(read):
                assert pd.api.types.is_numeric_dtype(read[field["name"]]), field
            assert field["description"]
    shares = next(part for part in described["resources"] if part["name"] == "shares")
    units = {field["name"]: field.get("unit") for field in shares["schema"]["fields"]}
    assert units["price_usd_per_mtok"] == "USD per Mtok"


def test_a_bundles_command_makes_its_tables_again(
    small_scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = small_scenario.model_dump(mode="json")
    raw["models"] = [
        {"kind": "stated", "name": "best", "theta": 1.9}, {"kind": "stated", "name": "second", "theta": 1.2},
        {"kind": "relative", "name": "student", "teacher": "best", "quality_ratio": 0.9, "cost_ratio": 0.2},
    ]  # fmt: skip
    for provider in raw["providers"]:
        for offer in provider["offers"]:
            if offer["model"] != "student":
                offer["list_price"] = {"kind": "stated", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 4.0}
    scenario = parse_scenario(raw, "a test")
    download = export_result(run(scenario, shipped_catalog(), seed=3, replications=2), "bundle", "http://here/?v=1")
    with zipfile.ZipFile(io.BytesIO(download.content)) as archive:
        archive.extractall(tmp_path)
    readme = (tmp_path / "README.md").read_text()
    assert "<http://here/?v=1>" in readme
    command = next(line.strip() for line in readme.splitlines() if line.startswith("    undercut"))
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(app, command.split()[1:])
    assert made.exit_code == 0, made.output
    again = {path.name: sha256_of_file(path) for path in (tmp_path / "again").glob("*.parquet")}
    assert again == {path.name: sha256_of_file(path) for path in (tmp_path / "parquet").glob("*.parquet")}
    assert {path.suffix for path in (tmp_path / "pictures").iterdir()} == {".svg", ".json"}
    drawn = json.loads((tmp_path / "pictures" / "tokens.vl.json").read_text())
    marks = [row for rows in drawn["datasets"].values() for row in rows if "value" in row]
    shares = read_table(tmp_path / "again" / "shares.parquet")
    wanted = shares.groupby(["day", "offer"])["share_of_tokens"].mean()
    assert marks
    for mark in marks:
        assert mark["value"] == pytest.approx(wanted[mark["day"], mark["name"]], rel=1e-12)


def test_latex_escapes_its_text_and_says_where_it_comes_from(run_folder: Path, tmp_path: Path) -> None:
    export_run(run_folder, "tex", tmp_path / "run.tex")
    text = (tmp_path / "run.tex").read_text()
    assert text.count(r"\begin{tabular") == text.count(r"\end{tabular") == 2
    assert "content sha256" in text.splitlines()[1]
    assert "Share of tokens (fraction)" in text
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert not [line for line in body if re.search(r"(?<!\\)[_%#]", line)]
    assert "nan" not in text.lower().split()
