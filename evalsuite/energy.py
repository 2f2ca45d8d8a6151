"""How much energy a piece of work takes: measured where the machine tells, else estimated; it always says which.

- On a processor, Linux keeps counters of each package and its memory (RAPL: /sys/class/powercap/intel-rapl:*, on AMD
  too). Most systems let root alone read them, and virtual machines have none. They count the whole package, whatever
  else runs on it.
- On an NVIDIA accelerator the driver counts the board's energy since it was loaded (Volta and newer).
- Otherwise power times time: of a processor the cited power of a virtual one under full load, times the threads that
  compute; of a board its power limit. Both are upper bounds of a rough kind: by generation a virtual processor takes
  1.7 to 9 W under load (the same project's coefficients by architecture, ccf-coefficients @b0032d9).

Cooling, power supplies and the rest of the machine are not in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

EnergySource = Literal["measured", "estimated", ""]
POWERCAP = Path("/sys/class/powercap")
J_PER_WH = 3600.0
UJ_PER_J, MJ_PER_J = 1e6, 1e3  # micro- and millijoules


@dataclass(frozen=True)
class CitedPower:
    """A power in watts, with its source and the day on which that was read."""

    watts: float
    date: str
    source: str


VIRTUAL_PROCESSOR = CitedPower(
    3.5, "2026-11-24", "Cloud Carbon Footprint, AwsFootprintEstimationConstants.ts @0656d55, MAX_WATTS_AVG"
)


class Gauge(Protocol):
    """What energy is read from."""

    @property
    def source(self) -> EnergySource:
        """Measured, estimated, or "" where nothing is known."""

    @property
    def what(self) -> str:
        """What is counted, in words."""

    def start(self) -> Callable[[], float]:
        """Begin; the call that comes back gives the joules since then."""


@dataclass(frozen=True)
class Rapl:
    """Linux's counters of processor packages and their memory.

    Attributes:
        zones: folders with `energy_uj`, which starts again at 0 after `max_energy_range_uj`.
    """

    zones: tuple[Path, ...]
    source: EnergySource = "measured"
    what: str = "processor packages and their memory, by RAPL"

    def start(self) -> Callable[[], float]:
        """See `Gauge`; a counter may start again once in between."""
        before = [_number(zone / "energy_uj") for zone in self.zones]

        def joules() -> float:
            used = 0
            for zone, first in zip(self.zones, before, strict=True):
                last = _number(zone / "energy_uj")
                used += last - first if last >= first else last - first + _number(zone / "max_energy_range_uj")
            return used / UJ_PER_J

        return joules


@dataclass(frozen=True)
class Board:
    """NVIDIA's counter of a board's energy."""

    handle: Any
    source: EnergySource = "measured"
    what: str = "accelerator board, by its driver's counter"

    def start(self) -> Callable[[], float]:
        """See `Gauge`; the driver renews its counter every few tens of milliseconds."""
        import pynvml

        first = pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)
        return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle) - first) / MJ_PER_J


@dataclass(frozen=True)
class Estimate:
    """A constant power, times the time that passes; NaN watts for a machine of which nothing is known."""

    watts: float
    what: str
    source: EnergySource = "estimated"

    def start(self) -> Callable[[], float]:
        """See `Gauge`."""
        started_s = time.perf_counter()
        return lambda: self.watts * (time.perf_counter() - started_s)


def find_gauge(device: str, threads: int, powercap: Path = POWERCAP) -> Gauge:
    """The best that this machine offers.

    Args:
        device: "cpu" or "cuda".
        threads: of the processor that compute.
        powercap: the folder of Linux's counters.
    """
    if device == "cuda":
        return _board()
    zones = rapl_zones(powercap)
    if zones:
        return Rapl(zones)
    cited = VIRTUAL_PROCESSOR
    what = f"{threads} virtual processors of {cited.watts} W under load ({cited.source}, {cited.date})"
    return Estimate(threads * cited.watts, what)


def rapl_zones(powercap: Path = POWERCAP) -> tuple[Path, ...]:
    """Readable counters of packages and their memory; cores lie inside a package, and the whole platform around it."""
    zones = []
    for zone in sorted(powercap.glob("intel-rapl:*")):
        try:
            name = (zone / "name").read_text(encoding="utf-8").strip()
            if name.startswith("package-") or name == "dram":
                _number(zone / "energy_uj")
                _number(zone / "max_energy_range_uj")
                zones.append(zone)
        except (OSError, ValueError):  # root's alone, or not there: a part of them would be read as the whole
            return ()
    return tuple(zones)


def wh_per_mtok(energy_j: float, tokens: int) -> float:
    """Watt hours of a million tokens, from the joules that `tokens` took."""
    return energy_j / J_PER_WH / tokens * 1e6


def _board() -> Gauge:
    unknown = Estimate(float("nan"), "nothing: the accelerator's driver does not tell", "")
    try:
        import pynvml
        import torch
    except ImportError:
        return unknown
    try:
        pynvml.nvmlInit()
        uuid = torch.cuda.get_device_properties(torch.cuda.current_device()).uuid
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except (pynvml.NVMLError, RuntimeError, AssertionError, AttributeError):
        return unknown
    try:
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        return Board(handle)
    except pynvml.NVMLError:
        pass
    try:
        watts = pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000.0
    except pynvml.NVMLError:
        return unknown
    return Estimate(watts, f"accelerator board at its power limit of {watts:g} W")


def _number(path: Path) -> int:
    return int(path.read_text(encoding="utf-8"))
