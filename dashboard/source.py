"""What an export is made from: the tables of one output folder, their dictionary, and a summary for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.labels import label
from evalsuite.tables import ALL_TABLES as EVAL_TABLES
from sim.results import RESULT_TABLES
from sim.shared.catalog import CATALOG
from sim.shared.errors import InputError
from sim.shared.manifest import Manifest, read_manifest, sha256_of_file, sha256_of_json
from sim.shared.tables import TableSpec, dictionary, read_table
from sim.study.paired import DIFFERENCES

if TYPE_CHECKING:
    import pandas as pd

SCENARIO_NAME = "scenario.yaml"
KNOWN_TABLES: tuple[TableSpec, ...] = (*RESULT_TABLES, DIFFERENCES, CATALOG, *EVAL_TABLES)
LAST_DAYS = 28.0  # "at the end" is the mean of the last four weeks


@dataclass(frozen=True)
class Source:
    """One output folder, read.

    Attributes:
        tables: by name, in the order of the dictionary.
        dictionary: one row a column of every table.
        scenario: text of `scenario.yaml`, or "" where there is none.
        content_sha256: hash of all content; equal runs have equal ones.
    """

    folder: Path
    manifest: Manifest
    tables: Mapping[str, pd.DataFrame]
    dictionary: pd.DataFrame
    scenario: str
    content_sha256: str


@dataclass(frozen=True)
class Summary:
    """A small table for people, with a title."""

    title: str
    frame: pd.DataFrame


def read_source(folder: Path) -> Source:
    """Read an output folder, checked against its manifest.

    Raises:
        InputError: if it is not an output folder, or a file was changed since.
    """
    manifest = read_manifest(folder)
    for name, digest in manifest.content.items():
        path = folder / name
        if not path.is_file() or sha256_of_file(path) != digest:
            raise InputError(
                str(path), "", "missing or changed since it was written", "the bytes of the manifest", "run again"
            )
    known = [spec.name for spec in KNOWN_TABLES]
    names = sorted(path.stem for path in folder.glob("*.parquet"))
    names.sort(key=lambda name: known.index(name) if name in known else len(known))
    if not names:
        raise InputError(str(folder), "", "no Parquet table", "an output folder of undercut", "pass another folder")
    tables = {name: read_table(folder / f"{name}.parquet") for name in names}
    scenario = folder / SCENARIO_NAME
    return Source(
        folder=folder,
        manifest=manifest,
        tables=tables,
        dictionary=dictionary_of(tables, KNOWN_TABLES),
        scenario=scenario.read_text(encoding="utf-8") if scenario.is_file() else "",
        content_sha256=sha256_of_json(
            {**{f"{name}.parquet": sha256_of_file(folder / f"{name}.parquet") for name in names}, **manifest.content}
        ),
    )


def dictionary_of(tables: Mapping[str, pd.DataFrame], specs: Sequence[TableSpec]) -> pd.DataFrame:
    """The dictionary of these tables; a column that no spec describes has its unit from its name."""
    import pandas as pd

    known = {name: spec for name, frame in tables.items() if (spec := _spec_of(name, frame, specs)) is not None}
    described = dictionary(list(known.values()))
    rows = [
        {
            "table": name,
            "column": str(column),
            "kind": _kind(frame[column]),
            "unit": label(str(column)).unit,
            "meaning": label(str(column)).title,
            "may_be_empty": bool(frame[column].isna().any()),
        }
        for name, frame in tables.items()
        if name not in known
        for column in frame.columns
    ]
    return pd.concat([described, pd.DataFrame(rows)], ignore_index=True) if rows else described


def _spec_of(name: str, frame: pd.DataFrame, specs: Sequence[TableSpec]) -> TableSpec | None:
    """The description of a table; of several of one name (markets and models have frontiers) that with its columns."""
    called = [spec for spec in specs if spec.name == name]
    return next((spec for spec in called if spec.column_names == list(frame.columns)), called[0] if called else None)


def provenance(source: Source) -> pd.DataFrame:
    """Where the content comes from, without time and host: item, value."""
    import pandas as pd

    manifest = source.manifest
    rows = [
        ("kind", manifest.kind),
        ("command", manifest.command),
        ("undercut version", manifest.version),
        ("content sha256", source.content_sha256),
        *((f"setting {key}", str(value)) for key, value in sorted(manifest.settings.items())),
        *((f"library {key}", value) for key, value in sorted(manifest.libraries.items())),
        *((f"{part.evidence}: {part.name}", part.source) for part in manifest.inputs),
    ]
    return pd.DataFrame(rows, columns=["item", "value"])


def summaries(source: Source) -> list[Summary]:
    """What to read first: for a market run the market and the offers at the end; else every short table."""
    if "shares" not in source.tables or "market" not in source.tables:
        return [Summary(name, frame) for name, frame in source.tables.items() if len(frame) <= 200]
    return [
        Summary("Offers, mean of the last four weeks", _offers_at_end(source.tables["shares"])),
        Summary("Market, first four weeks, last four weeks and mean", _market_summary(source.tables["market"])),
    ]


def _offers_at_end(shares: pd.DataFrame) -> pd.DataFrame:
    last = shares[shares["day"] > shares["day"].max() - LAST_DAYS]
    columns = ["share_of_tokens", "share_of_dollars", "margin", "price_usd_per_mtok", "profit_usd"]
    return last.groupby(["provider", "offer"], as_index=False)[columns].mean()


def _market_summary(market: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    columns = [name for name in market.columns if name not in ("catalog_draw", "replication", "day")]
    first = market[market["day"] <= market["day"].min() + LAST_DAYS - 1e-9][columns].mean()
    last = market[market["day"] > market["day"].max() - LAST_DAYS][columns].mean()
    units = {column.name: column.unit for spec in RESULT_TABLES if spec.name == "market" for column in spec.columns}
    return pd.DataFrame(
        {
            "metric": columns,
            "unit": [units[name] for name in columns],
            "first_four_weeks": first.to_numpy(),
            "last_four_weeks": last.to_numpy(),
            "mean": market[columns].mean().to_numpy(),
        }
    )


def _kind(values: pd.Series) -> str:
    import pandas as pd

    if pd.api.types.is_bool_dtype(values):
        return "flag"
    if pd.api.types.is_integer_dtype(values):
        return "integer"
    return "number" if pd.api.types.is_numeric_dtype(values) else "text"
