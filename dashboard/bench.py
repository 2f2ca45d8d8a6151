"""`undercut bench`: what this machine does, beside a peer and a target.

The benchmarks lie in `benchmarks/`, one module each with a function `rows()`, and are not in the wheel: their peers are
no dependencies of the product. Outside a checkout the command says so.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from sim.shared.errors import InputError

# Listed, not discovered: a benchmark exists when it stands here.
NAMES = ("cli", "market", "scorer", "harness", "distill", "sweep")


@dataclass(frozen=True)
class BenchRow:
    """One figure.

    Attributes:
        value: the figure, in `unit`.
        peer: what it is compared with, or "" for nothing.
        peer_value: the peer's figure in the same unit; None without a peer.
        target: the value that must not be exceeded ("at most") or undercut ("at least"); None for none.
        bound: which of the two the target is.
    """

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    target: float | None = None
    bound: Literal["at most", "at least"] = "at most"

    @property
    def ratio(self) -> float | None:
        """Value over the peer's value."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def holds(self) -> bool:
        """Whether the target is met; a row without a target holds."""
        if self.target is None:
            return True
        return self.value <= self.target if self.bound == "at most" else self.value >= self.target

    def line(self) -> str:
        """The row as text."""
        text = f"{self.name:<36} {self.value:>12.4g} {self.unit}"
        if self.peer_value is not None:
            text += f"; {self.peer}: {self.peer_value:.4g} {self.unit}, ratio {self.ratio or 0:.3g}"
        if self.target is not None:
            text += f"; target {self.bound} {self.target:g}: {'holds' if self.holds else 'DOES NOT HOLD'}"
        return text

    def as_json(self) -> dict[str, object]:
        """The row as `undercut bench --json` prints it, a contract."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "peer": self.peer,
            "peer_value": self.peer_value,
            "ratio": self.ratio,
            "target": self.target,
            "holds": self.holds,
        }


def measure(names: Sequence[str]) -> list[BenchRow]:
    """Run the named benchmarks, all of them for no name.

    Raises:
        InputError: for an unknown name, or outside a checkout.
    """
    for name in names:
        if name not in NAMES:
            raise InputError("bench NAMES", "", name, ", ".join(NAMES), "name one of these, or none for all")
    folder = Path(__file__).resolve().parents[1] / "benchmarks"
    if not folder.is_dir():
        raise InputError(
            "bench", "", f"no folder {folder}", "a checkout of the repository",
            "benchmarks and their peers are not in the installed package; clone the repository and run it there",
        )  # fmt: skip
    rows: list[BenchRow] = []
    for name in names or NAMES:
        rows += _rows(folder / f"{name}.py")
    return rows


def load(path: Path) -> ModuleType:
    """The module of a benchmark, loaded from its file: benchmarks/ is no package, so it can shadow no installed one."""
    specification = importlib.util.spec_from_file_location(f"undercut_bench_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look up the module of a class by its name
    specification.loader.exec_module(module)
    return module


def _rows(path: Path) -> list[BenchRow]:
    rows: list[BenchRow] = load(path).rows()
    return rows
