"""Energy: counters that start again, what counts twice, and the estimate by hand."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from evalsuite.energy import VIRTUAL_PROCESSOR, Estimate, Rapl, find_gauge, rapl_zones, wh_per_mtok

RANGE_UJ = 262_143_328_850


def zone(powercap: Path, number: str, name: str, energy_uj: int, range_uj: int = RANGE_UJ) -> Path:
    folder = powercap / f"intel-rapl:{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return folder


def test_packages_and_memory_are_summed_and_what_lies_inside_or_around_them_is_not(tmp_path: Path) -> None:
    package, memory = zone(tmp_path, "0", "package-0", 1_000_000), zone(tmp_path, "0:1", "dram", 500)
    cores, platform = zone(tmp_path, "0:0", "core", 7), zone(tmp_path, "1", "psys", 7)
    gauge = find_gauge("cpu", 2, tmp_path)
    assert isinstance(gauge, Rapl)
    assert gauge.source == "measured"
    used = gauge.start()
    (package / "energy_uj").write_text("4000000\n")
    (memory / "energy_uj").write_text("500500\n")
    for other in (cores, platform):
        (other / "energy_uj").write_text("900000000\n")
    assert used() == pytest.approx(3.0 + 0.5)


def test_a_counter_that_starts_again_goes_on_from_its_range(tmp_path: Path) -> None:
    package = zone(tmp_path, "0", "package-0", RANGE_UJ - 2_000_000)
    used = Rapl(rapl_zones(tmp_path)).start()
    (package / "energy_uj").write_text("1000000\n")
    assert used() == pytest.approx(3.0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_counter_of_roots_alone_is_not_read(tmp_path: Path) -> None:
    (zone(tmp_path, "0", "package-0", 1) / "energy_uj").chmod(0)
    assert find_gauge("cpu", 2, tmp_path).source == "estimated"


def test_a_package_that_cannot_be_read_is_not_left_out_of_a_measured_sum(tmp_path: Path) -> None:
    zone(tmp_path, "0", "package-0", 1)
    (zone(tmp_path, "1", "package-1", 1) / "energy_uj").unlink()
    assert find_gauge("cpu", 2, tmp_path).source == "estimated"


def test_without_counters_it_is_power_times_time_and_says_so(tmp_path: Path) -> None:
    gauge = find_gauge("cpu", 2, tmp_path)
    assert isinstance(gauge, Estimate)
    assert gauge.source == "estimated"
    assert gauge.watts == 2 * VIRTUAL_PROCESSOR.watts == 7.0
    assert VIRTUAL_PROCESSOR.source in gauge.what
    used, started_s = gauge.start(), time.perf_counter()
    time.sleep(0.05)
    spent_j = used()
    assert 7.0 * 0.05 <= spent_j <= 7.0 * (time.perf_counter() - started_s) + 1e-3


def test_watt_hours_a_million_tokens_by_hand() -> None:
    # 7 W for 2 s are 14 J; a thousand times as many tokens take 14 kJ, which are 14/3.6 Wh.
    assert wh_per_mtok(14.0, 1000) == pytest.approx(14_000 / 3_600)


def test_an_accelerator_of_which_nothing_is_known_is_no_zero() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is an accelerator")
    gauge = find_gauge("cuda", 2)
    assert gauge.source == ""
    assert math.isnan(gauge.start()())
