"""A suite by its name."""

from __future__ import annotations

from pathlib import Path

from evalsuite.suites.suite import Suite
from sim.shared.errors import InputError

NAMES = ("mini",)


def find_suite(name: str, data_dir: Path | None = None) -> Suite:
    """The suite of that name, its files written where lm-eval finds them.

    Raises:
        InputError: if there is no such suite.
    """
    if name == "mini":
        from evalsuite.suites.files import write_suite
        from evalsuite.suites.mini import mini

        return write_suite("mini", mini())
    raise InputError("--suite", "", name, ", ".join(NAMES), "name one of them")
