"""The claims in their order; each is a module of this package with one `CLAIM`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from sim.claims.claim import Claim
from sim.shared.errors import InputError

NAMES = (
    "ceiling", "dependency", "probabilities", "attack", "winner", "efficiency", "commodity", "mixture", "access",
    "judge", "intel",
)  # fmt: skip


def claims(names: Sequence[str] = ()) -> list[Claim]:
    """The claims of these names, in the order of `NAMES`; without names all.

    Raises:
        InputError: for a name that no claim has.
    """
    for name in names:
        if name not in NAMES:
            raise InputError("claims", "NAME", name, ", ".join(NAMES), "see undercut claims list")
    chosen = [name for name in NAMES if not names or name in names]
    return [import_module(f"sim.claims.{name}").CLAIM for name in chosen]
