"""A user's own catalog and scenario: read whole, bounded, every problem named, nothing executed."""

from __future__ import annotations

import io
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard import uploads
from sim.scenario.load import dump_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError, InputErrors


def as_csv(catalog: Catalog) -> bytes:
    return catalog.frame.to_csv(index=False).encode()


def as_parquet(catalog: Catalog) -> bytes:
    buffer = io.BytesIO()
    catalog.frame.to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_catalog_comes_back_as_it_went(small_catalog: Catalog, suffix: str) -> None:
    content = as_csv(small_catalog) if suffix == "csv" else as_parquet(small_catalog)
    assert uploads.read_own_catalog(f"mine.{suffix}", content).frame.equals(small_catalog.frame)


def test_everything_wrong_in_a_catalog_is_told_at_once(small_catalog: Catalog) -> None:
    broken = small_catalog.frame.assign(quality=2.0, role="king").to_csv(index=False).encode()
    with pytest.raises(InputErrors) as caught:
        uploads.read_own_catalog("mine.csv", broken)
    assert {"quality", "role"} <= {problem.field.rsplit(", ", 1)[-1] for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"PK", ".csv or .parquet"),
        ("a.parquet", b"PAR1 no table PAR1", "readable Parquet"),
        ("a.csv", b"", "readable CSV"),
        ("a.csv", b"model\n", "no row"),
        ("a.parquet", pickle.dumps({"a": 1}), "readable Parquet"),
    ],
)
def test_what_is_no_catalog_is_refused(name: str, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        uploads.read_own_catalog(name, content)


def test_a_table_that_unpacks_beyond_its_bound_is_never_unpacked(
    small_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LARGEST_UNPACKED_BYTES", 100)
    with pytest.raises(InputError, match="unpacked"):
        uploads.read_own_catalog("a.parquet", as_parquet(small_catalog))
    monkeypatch.setattr(uploads, "LARGEST_CATALOG_BYTES", 100)
    with pytest.raises(InputError, match="at most 100"):
        uploads.read_own_catalog("a.csv", as_csv(small_catalog))


def own(scenario: Scenario, **changes: object) -> bytes:
    return dump_scenario(scenario.model_copy(update={"name": "mine", **changes})).encode()


def test_a_scenario_comes_back_with_customers_in_expectation(small_scenario: Scenario, small_catalog: Catalog) -> None:
    found = uploads.read_own_scenario("a.yaml", own(small_scenario), ["small"], small_catalog)
    assert found.name == "mine"
    assert found.population.kind == "expected"
    assert found.providers == small_scenario.providers


def test_a_scenario_that_the_pages_cannot_ask_is_refused_with_all_reasons(
    small_scenario: Scenario, small_catalog: Catalog
) -> None:
    bare = Catalog(small_catalog.frame[small_catalog.frame["model"] != "second"].reset_index(drop=True))
    content = own(small_scenario, name="small", horizon_days=5000.0)
    with pytest.raises(InputErrors) as caught:
        uploads.read_own_scenario("a.yaml", content, ["small"], bare)
    assert [problem.field for problem in caught.value.problems] == ["name", "models: second", "horizon_days"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: &x 1\nb: *x\n", "alias"),
        (b"a: !!python/object/apply:os.system ['true']\n", "YAML"),
        (b"\xff\xfe", "UTF-8"),
        (b"- 1\n", "mapping"),
    ],
)
def test_nothing_in_a_scenario_is_executed(content: bytes, said: str, small_catalog: Catalog) -> None:
    with pytest.raises(InputError, match=said):
        uploads.read_own_scenario("a.yaml", content, [], small_catalog)


def test_a_scenario_without_a_student_is_refused(small_scenario: Scenario, small_catalog: Catalog) -> None:
    alone = small_scenario.model_copy(update={"entrant": None})
    with pytest.raises(InputError, match="entrant"):
        uploads.read_own_scenario("a.yaml", own(alone), [], small_catalog)


def test_a_text_that_stands_once_and_in_every_row_is_refused_before_it_is_unpacked() -> None:
    """The file is small and says so; unpacked it would be gigabytes."""
    buffer = io.BytesIO()
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"model": long}), buffer)
    assert len(buffer.getvalue()) < 2_000_000
    with pytest.raises(InputError, match="a text of 1000000 characters"):
        uploads.read_own_catalog("a.parquet", buffer.getvalue())


def test_a_header_of_commas_is_refused() -> None:
    with pytest.raises(InputError, match="1000001 columns"):
        uploads.read_own_catalog("a.csv", b"," * 1_000_000 + b"\n")
