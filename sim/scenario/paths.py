"""Paths into a scenario's plain data: `providers.openai.price`, `models.student.quality_ratio`.

Items of a list are named by their own name, a release by its offer, anything by its number.
"""

from __future__ import annotations

from typing import Any

from sim.shared.errors import InputError

_NAMES = ("name", "offer")  # fields by which items of lists are called


def value_at(raw: dict[str, Any], key: str, source: str) -> Any:
    """The value that stands at a path.

    Raises:
        InputError: for a path that leads nowhere; says what stands there instead.
    """
    parent, last = _parent(raw, key, source)
    return parent[last]


def put_at(raw: dict[str, Any], key: str, value: Any, source: str) -> None:
    """Put a value at a path that exists, in place; unlike an intervention, anywhere: frames and whole items too.

    Raises:
        InputError: for a path that leads nowhere.
    """
    parent, last = _parent(raw, key, source)
    parent[last] = value


def item_index(items: list[Any], step: str, key: str, source: str) -> int:
    """The place in a list of the item that `step` names.

    Raises:
        InputError: if no item is called so; lists their names.
    """
    for index, item in enumerate(items):
        if isinstance(item, dict) and any(item.get(name) == step for name in _NAMES):
            return index
    if step.isdigit() and int(step) < len(items):
        return int(step)
    names = [str(item.get("name", item.get("offer", index))) for index, item in enumerate(items)]
    raise InputError(source, "key", key, f"instead of {step}: {', '.join(names)}", "correct the path")


def _parent(raw: dict[str, Any], key: str, source: str) -> tuple[Any, Any]:
    """The part that holds the path's last step, and the last step as an index or key of it."""
    steps = key.split(".")
    node: Any = raw
    for place, step in enumerate(steps):
        if isinstance(node, list):
            found: Any = item_index(node, step, key, source)
        elif isinstance(node, dict) and step in node:
            found = step
        else:
            known = ", ".join(node) if isinstance(node, dict) else "nothing: this is no part with fields"
            raise InputError(
                source, "key", key, f"after {'.'.join(steps[:place]) or 'the start'}: {known}", "correct the path"
            )
        if place == len(steps) - 1:
            return node, found
        node = node[found]
    raise AssertionError("a path without steps")
