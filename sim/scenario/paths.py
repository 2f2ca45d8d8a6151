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


def item_index(items: list[Any], steps: list[str], key: str, source: str) -> tuple[int, int]:
    """Which item of a list the next steps name, and how many steps its name takes.

    Names may hold dots; the longest that fits counts.

    Raises:
        InputError: if no item is called so; lists their names.
    """
    for length in range(len(steps), 0, -1):
        called = ".".join(steps[:length])
        for index, item in enumerate(items):
            if isinstance(item, dict) and any(item.get(name) == called for name in _NAMES):
                return index, length
    if steps[0].isdigit() and int(steps[0]) < len(items):
        return int(steps[0]), 1
    names = [str(item.get("name", item.get("offer", index))) for index, item in enumerate(items)]
    raise InputError(source, "key", key, f"instead of {steps[0]}: {', '.join(names)}", "correct the path")


def _parent(raw: dict[str, Any], key: str, source: str) -> tuple[Any, Any]:
    """The part that holds the path's last step, and the last step as an index or key of it."""
    steps = key.split(".")
    node: Any = raw
    place = 0
    while True:
        length = 1
        if isinstance(node, list):
            found: Any
            found, length = item_index(node, steps[place:], key, source)
        elif isinstance(node, dict) and steps[place] in node:
            found = steps[place]
        else:
            known = ", ".join(node) if isinstance(node, dict) else "nothing: this is no part with fields"
            raise InputError(
                source, "key", key, f"after {'.'.join(steps[:place]) or 'the start'}: {known}", "correct the path"
            )
        place += length
        if place == len(steps):
            return node, found
        node = node[found]
