"""Tidy tables: their dictionary, and files of equal bytes for equal content.

A table is one observation a row, with the unit in the column's name. Parquet is the interchange; CSV is for people.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sim.shared.errors import InputError, raise_all
from sim.shared.manifest import sha256_of_file
from sim.shared.paths import replacing

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "integer", "number", "flag"]
DTYPES: dict[Kind, str] = {"text": "string", "integer": "int64", "number": "float64", "flag": "bool"}


@dataclass(frozen=True)
class Column:
    """One column: its kind, its unit ("USD per Mtok", "" for none) and what it says.

    `missing` allows an empty cell (NaN for a number, "" for a text).
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    missing: bool = False


# The first columns of every table of the market: which run a row belongs to.
RUN_COLUMNS = (
    Column("catalog_draw", "integer", "", "draw of the catalog's errors; 0 is the point estimate"),
    Column("replication", "integer", "", "which customers and tastes were drawn"),
)


@dataclass(frozen=True)
class TableSpec:
    """A table's name, what one row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> list[str]:
        """Names in order."""
        return [column.name for column in self.columns]

    def conform(self, frame: pd.DataFrame, source: str) -> pd.DataFrame:
        """`frame` with exactly these columns, in this order, with these types.

        Columns that may be missing are added empty; columns that the table does not know are dropped.

        Raises:
            InputError, InputErrors: for a required column that is absent, an empty cell where none is allowed, or a
                value that is not of the column's kind; all problems at once.
        """
        import pandas as pd

        problems: list[InputError] = []
        out: dict[str, pd.Series] = {}
        for column in self.columns:
            if column.name not in frame.columns:
                if column.missing:
                    empty: object = "" if column.kind == "text" else float("nan")
                    out[column.name] = pd.Series([empty] * len(frame), dtype=DTYPES[column.kind])
                else:
                    problems.append(
                        InputError(
                            source=source,
                            field=column.name,
                            received="no such column",
                            allowed=f"the columns {', '.join(self.column_names)}",
                            remedy=f"add it: {column.meaning}",
                        )
                    )
                continue
            values = frame[column.name].reset_index(drop=True)
            empty_cells = values.isna()
            if column.kind == "text":
                values = values.astype("string").fillna("")
                empty_cells = values == ""
            elif values.dtype != DTYPES[column.kind]:
                numbers = pd.to_numeric(values, errors="coerce")
                wrong = numbers.isna() & ~empty_cells
                if bool(wrong.any()):
                    row = int(wrong.to_numpy().argmax())
                    problems.append(
                        InputError(
                            source, f"row {row + 1}, {column.name}", values.iloc[row], column.kind, column.meaning
                        )
                    )
                    continue
                values = numbers
            if bool(empty_cells.any()) and not column.missing:
                row = int(empty_cells.to_numpy().argmax())
                problems.append(
                    InputError(
                        source,
                        f"row {row + 1}, {column.name}",
                        "an empty cell or NaN",
                        f"a {column.kind} ({column.meaning})",
                        "fill the cell",
                    )
                )
                continue
            out[column.name] = values.astype(DTYPES[column.kind])
        raise_all(problems)
        return pd.DataFrame(out, columns=self.column_names)


def dictionary(specs: Sequence[TableSpec]) -> pd.DataFrame:
    """The data dictionary of several tables, one column a row."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "table": spec.name,
                "column": column.name,
                "kind": column.kind,
                "unit": column.unit,
                "meaning": column.meaning,
                "may_be_empty": column.missing,
            }
            for spec in specs
            for column in spec.columns
        ]
    )


def write_parquet(frame: pd.DataFrame, path: Path) -> str:
    """Write a table whole or not at all; equal content gives equal bytes. Returns the sha256 of the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    with replacing(path) as beside:
        pq.write_table(table, beside, compression="zstd", write_statistics=True)
        return sha256_of_file(beside)


def write_csv(frame: pd.DataFrame, path: Path) -> str:
    """Write a table as UTF-8 CSV with "\\n" line ends and shortest exact floats. Returns the sha256 of the file.

    Text is quoted where it must be, and everywhere where a cell holds a carriage return: some readers end a row there.
    """
    returns = any("\r" in str(cell) for _, column in frame.select_dtypes(exclude="number").items() for cell in column)
    with replacing(path) as beside:
        quoting = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
        frame.to_csv(beside, index=False, lineterminator="\n", quoting=quoting)
        return sha256_of_file(beside)


def read_table(path: Path) -> pd.DataFrame:
    """A Parquet or CSV table, by its ending.

    Raises:
        InputError: if the file is missing, has another ending or cannot be parsed.
    """
    import pandas as pd

    readers = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.is_file():
        raise InputError(
            source="table",
            received=str(path),
            allowed="an existing .parquet or .csv file",
            remedy="check the path",
        )
    try:
        return reader(path)
    except Exception as error:  # pandas and pyarrow raise a dozen unrelated types for a damaged file
        raise InputError(
            source=str(path),
            received=f"{type(error).__name__}: {error}",
            allowed=f"a readable {path.suffix} file",
            remedy="make the file again",
        ) from error
