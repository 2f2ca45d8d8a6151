"""YAML, read as plain data and nothing else.

Aliases are refused, so that a few lines cannot unfold into gigabytes; so are repeated keys, which YAML readers resolve
in silence, large files and deep nesting. Tags beyond the plain ones do not exist here (`SafeLoader`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from sim.shared.errors import InputError, raise_all

if TYPE_CHECKING:
    from pydantic import BaseModel

    Described = TypeVar("Described", bound=BaseModel)

LARGEST_FILE_BYTES = 2**20
DEEPEST_NESTING = 40


class _PlainLoader(yaml.SafeLoader):
    """A SafeLoader without aliases, repeated keys and deep nesting."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise _Refused(self.peek_event().start_mark, "an alias (*name)", "each value written out")
        self._depth += 1
        if self._depth > DEEPEST_NESTING:
            raise _Refused(self.peek_event().start_mark, "deep nesting", f"at most {DEEPEST_NESTING} levels")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict) or key in seen:
                raise _Refused(key_node.start_mark, f"the key {key!r} again", "each key once")
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Refused(yaml.YAMLError):
    def __init__(self, mark: yaml.Mark, received: str, allowed: str) -> None:
        super().__init__(received)
        self.mark, self.received, self.allowed = mark, received, allowed


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        InputError: if the file cannot be read, is too large, is no UTF-8, no YAML or no mapping; says in which line.
    """
    source = str(path)
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise InputError(source, "", f"{path.stat().st_size} bytes", f"at most {LARGEST_FILE_BYTES}", "split it")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(source, "", f"byte {error.start} is not UTF-8", "UTF-8 text", "save it as UTF-8") from error
    except OSError as error:
        raise InputError(source, "", error.strerror or str(error), "a readable file", "check the path") from error
    return parse_yaml(text, source)


def read_described(kind: type[Described], path: Path, unrepeated: frozenset[str] = frozenset()) -> Described:
    """The pydantic model that a YAML file describes.

    Args:
        kind: the model.
        path: of the file.
        unrepeated: fields whose value no message repeats, since it may hold a secret; with any, unknown fields too.

    Raises:
        InputError, InputErrors: for a file that cannot be read, or fields that are wrong, all at once.
    """
    from pydantic import ValidationError

    raw = read_yaml(path)
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        fields = ", ".join(kind.model_fields)
        raise_all(
            [
                InputError(
                    str(path),
                    ".".join(map(str, item["loc"])),
                    _received(item, unrepeated),
                    f"only {fields}" if item["type"] == "extra_forbidden" else item["msg"],
                    "correct the description",
                )
                for item in error.errors(include_url=False)
            ]
        )
        raise


def _received(item: Any, unrepeated: frozenset[str]) -> Any:
    """What to repeat of a wrong value: nothing of what may be a secret, and not the file as a whole."""
    if item["type"] == "missing":
        return "nothing"
    if not item["loc"]:
        return ""
    unknown = item["type"] == "extra_forbidden"
    return "(not repeated)" if item["loc"][0] in unrepeated or (unknown and unrepeated) else item.get("input", "")


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """The mapping that a YAML text holds; `source` names it in messages.

    Raises:
        InputError: if it is no YAML or no mapping, or uses what is refused.
    """
    try:
        loaded = yaml.load(text, Loader=_PlainLoader)
    except _Refused as error:
        where = f"line {error.mark.line + 1}, column {error.mark.column + 1}"
        raise InputError(source, where, error.received, error.allowed, "correct the file") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(source, where, error.problem or "no YAML", "well-formed YAML", "correct the file") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(source, "", str(error) or type(error).__name__, "well-formed YAML", "correct it") from error
    if not isinstance(loaded, dict):
        raise InputError(source, "", type(loaded).__name__, "a mapping (key: value)", "start from a shipped file")
    return loaded
