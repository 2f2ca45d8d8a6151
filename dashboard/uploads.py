"""A user's own catalog and scenario, from the bytes of a file: bounded, checked whole, never executed. Pure.

Parquet is refused by its own account of its size before it is unpacked, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from dashboard import controls
from dashboard.load import expected
from sim.scenario.load import parse_scenario
from sim.scenario.model import CatalogModel
from sim.scenario.population import Expected, Sampled
from sim.scenario.scenario import Scenario
from sim.shared.catalog import CATALOG, Catalog, make_catalog
from sim.shared.errors import InputError, raise_all
from sim.shared.yaml import LARGEST_FILE_BYTES, parse_yaml

if TYPE_CHECKING:
    import pandas as pd

LARGEST_CATALOG_BYTES = 5 * 2**20
LARGEST_UNPACKED_BYTES = 64 * 2**20
MOST_ROWS = 20_000
MOST_COLUMNS = 200
LONGEST_TEXT = 2_000  # characters of a cell
# A page makes runs in seconds, so what it takes is bounded; the command line has no such bounds.
MOST_HORIZON_DAYS = 3650.0
MOST_OFFERS = 40
MOST_REPORTS = 1500
MOST_NODES = 4096
COMMAND_LINE = "run it from the command line: undercut sim run"


def read_own_catalog(name: str, content: bytes) -> Catalog:
    """A catalog from a CSV or Parquet file.

    Raises:
        InputError, InputErrors: for a file that is too large or cannot be read, and for all that is wrong in the table.
    """
    _check_size(name, content, LARGEST_CATALOG_BYTES)
    suffix = PurePath(name).suffix.lower()
    if suffix == ".csv":
        frame = _csv(name, content)
    elif suffix == ".parquet":
        frame = _parquet(name, content)
    else:
        raise InputError(name, "", suffix or "no ending", ".csv or .parquet", "export the table as one of these")
    if len(frame) > MOST_ROWS:
        raise InputError(name, "", f"{len(frame)} rows", f"at most {MOST_ROWS}", "leave models out")
    if frame.empty:
        raise InputError(name, "", "no row", f"the columns {', '.join(CATALOG.column_names)}", "add a model")
    return make_catalog(frame, name)


def read_own_scenario(name: str, content: bytes, taken: Collection[str], catalog: Catalog) -> Scenario:
    """A scenario from a YAML file, its customers in expectation as on every page.

    Args:
        name: of the file.
        content: its bytes.
        taken: names of scenarios that are there.
        catalog: whose models it may name.

    Raises:
        InputError, InputErrors: for all that is wrong in the file, or a scenario that the pages cannot ask: no student
            that enters, a name that is taken, models that the catalog lacks, or more than a page can run.
    """
    _check_size(name, content, LARGEST_FILE_BYTES)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(name, "", f"byte {error.start} is not UTF-8", "UTF-8 text", "save it as UTF-8") from error
    scenario = parse_scenario(parse_yaml(text, name), name)
    problems: list[InputError] = []
    if scenario.name in taken:
        problems.append(
            InputError(name, "name", scenario.name, "a name that is not taken", "give it a name of its own")
        )
    known = set(catalog.models)
    problems += [
        InputError(
            name, f"models: {model.name}", model.catalog, "a model of the catalog", "upload a catalog with it first"
        )
        for model in scenario.models
        if isinstance(model, CatalogModel) and model.catalog not in known
    ]
    problems += _too_much(name, scenario)
    if not isinstance(scenario.population, Sampled | Expected):
        problems.append(
            InputError(name, "population.kind", scenario.population.kind, "sampled or expected on a page", COMMAND_LINE)
        )
    raise_all(problems)
    scenario = expected(scenario)
    controls.defaults(scenario)
    return scenario


def _too_much(name: str, scenario: Scenario) -> list[InputError]:
    """What a page cannot run in seconds."""
    asked = {
        "horizon_days": (scenario.horizon_days, MOST_HORIZON_DAYS),
        "report_days": (scenario.horizon_days / scenario.report_days, MOST_REPORTS),
        "providers": (len(scenario.offers), MOST_OFFERS),
        "belief_nodes_per_class": (scenario.belief_nodes_per_class, MOST_NODES),
    }
    what = {"report_days": "reports", "providers": "offers", "horizon_days": "days", "belief_nodes_per_class": "nodes"}
    return [
        InputError(name, field, f"{value:g} {what[field]}", f"at most {most:g} on a page", COMMAND_LINE)
        for field, (value, most) in asked.items()
        if value > most
    ]


def _check_size(name: str, content: bytes, most: int) -> None:
    if len(content) > most:
        raise InputError(name, "", f"{len(content)} bytes", f"at most {most}", "upload a smaller file")


def _csv(name: str, content: bytes) -> pd.DataFrame:
    import pandas as pd

    columns = content.partition(b"\n")[0].count(b",") + 1
    if columns > MOST_COLUMNS:
        raise InputError(name, "", f"{columns} columns", f"at most {MOST_COLUMNS}", "leave columns out")
    try:
        return pd.read_csv(io.BytesIO(content), nrows=MOST_ROWS + 1)
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise _unreadable(name, "CSV in UTF-8", error) from error


def _parquet(name: str, content: bytes) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        about = file.metadata
        unpacked = sum(about.row_group(place).total_byte_size for place in range(about.num_row_groups))
        if about.num_rows > MOST_ROWS or unpacked > LARGEST_UNPACKED_BYTES:
            raise InputError(
                name, "", f"{about.num_rows} rows, {unpacked} bytes unpacked",
                f"at most {MOST_ROWS} rows and {LARGEST_UNPACKED_BYTES} bytes", "leave models out",
            )  # fmt: skip
        wanted = [column for column in file.schema_arrow.names if column in CATALOG.column_names]
        types = {column: file.schema_arrow.field(column).type for column in wanted}
        kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary)
        texts = [column for column in wanted if any(kind(types[column]) for kind in kinds)]
        # Texts stay in their dictionaries until they are known to be short: one long text, told once, may stand in
        # every row, and what a file says of its own size need not be so.
        table = pq.ParquetFile(io.BytesIO(content), read_dictionary=texts).read(columns=wanted)
        longest = max((_longest(table.column(column)) for column in texts), default=0)
        if longest > LONGEST_TEXT or table.nbytes > LARGEST_UNPACKED_BYTES:
            raise InputError(
                name, "", f"a text of {longest} characters, {table.nbytes} bytes unpacked",
                f"texts of {LONGEST_TEXT} characters and {LARGEST_UNPACKED_BYTES} bytes at most", "shorten the texts",
            )  # fmt: skip
        for column in texts:
            place = table.schema.get_field_index(column)
            table = table.set_column(place, column, table.column(column).cast(pa.string()))
        return table.to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(name, "Parquet", error) from error


def _longest(column: Any) -> int:
    """Characters of the longest text of a column that keeps a dictionary."""
    import pyarrow as pa
    import pyarrow.compute as pc

    told = [chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk for chunk in column.chunks]
    return max((pc.max(pc.utf8_length(texts)).as_py() or 0 for texts in told if len(texts)), default=0)


def _unreadable(name: str, kind: str, error: Exception) -> InputError:
    return InputError(name, "", f"{type(error).__name__}: {error}"[:160], f"readable {kind}", "export the table again")
