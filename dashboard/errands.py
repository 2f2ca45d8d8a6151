"""What may be started from a page: each a command of Undercut's whose every word is chosen from what ships with it.

No text of a user's becomes a path or an option: names come from lists, numbers from ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.jobs import OUT_WORD
from sim.shared.errors import InputError


@dataclass(frozen=True)
class Errand:
    """A job to be: what it is, in words, and the words of its command."""

    title: str
    words: tuple[str, ...]


def measure(models: list[str], known: list[str], limit: int) -> Errand:
    """Score models on the suite that ships, `limit` items a task (0 for all).

    Raises:
        InputError: for no model, or one that is not known.
    """
    chosen = [name for name in models if name in known]
    if not chosen or len(chosen) < len(models):
        raise InputError("run", "models", ", ".join(models) or "none", ", ".join(known), "choose one or more of these")
    words = ["eval", "run", "--models", ",".join(chosen), "--suite", "mini", "--out", OUT_WORD]
    return Errand(f"Measure {', '.join(chosen)}", tuple([*words, "--limit", str(limit)] if limit else words))


def distil(recipe: str, known: list[str], seed: int) -> Errand:
    """Make a student by a recipe that ships.

    Raises:
        InputError: for a recipe that is not known.
    """
    if recipe not in known:
        raise InputError("run", "recipe", recipe, ", ".join(known), "choose one of these")
    return Errand(f"Distil by the recipe {recipe}", ("distill", "run", recipe, "--seed", str(seed)))


def play(scenario: str, known: list[str], draws: int, seed: int) -> Errand:
    """Run a market that ships, with draws of the catalog's errors.

    Raises:
        InputError: for a scenario that is not known.
    """
    if scenario not in known:
        raise InputError("run", "scenario", scenario, ", ".join(known), "choose one of these")
    words = ("sim", "run", scenario, "--catalog-draws", str(draws), "--seed", str(seed), "--out", OUT_WORD)
    return Errand(f"Run the market {scenario}", words)
