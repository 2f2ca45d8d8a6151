from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from dashboard.export import FORMATS, export_result, export_run
from sim.results import RESULT_TABLES, RunResult, write_result
from sim.shared.errors import InputError
from sim.shared.manifest import Manifest
from sim.shared.tables import write_parquet


@pytest.fixture
def run_folder(small_result: RunResult, tmp_path: Path) -> Path:
    write_result(small_result, tmp_path / "run")
    return tmp_path / "run"


def test_csv_holds_every_table_exactly_with_dictionary_scenario_and_manifest(
    run_folder: Path, small_result: RunResult, tmp_path: Path
) -> None:
    files = {path.name for path in export_run(run_folder, "csv", tmp_path / "out")}
    assert files == {f"{spec.name}.csv" for spec in RESULT_TABLES} | {
        "dictionary.csv", "manifest.json", "scenario.yaml",
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
    described = pd.read_csv(export_run(folder, "csv", tmp_path / "csv")[0])
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
        assert sorted(archive.namelist()) == sorted(path.name for path in files)
        for path in files:
            if path.name == "manifest.json":
                mine, theirs = json.loads(archive.read(path.name)), json.loads(path.read_bytes())
                for moving in ("written_at", "host"):
                    mine.pop(moving), theirs.pop(moving)
                assert mine == theirs
            else:
                assert archive.read(path.name) == path.read_bytes(), path.name


def test_a_different_result_gives_different_bytes(small_result: RunResult) -> None:
    shares = small_result.tables["shares"].copy()
    shares.loc[0, "share_of_tokens"] += 1e-9
    other = replace(small_result, tables={**small_result.tables, "shares": shares})
    assert export_result(small_result, "xlsx").content != export_result(other, "xlsx").content


def test_an_unknown_format_is_refused_with_those_there_are(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="csv, parquet, xlsx, md"):
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
