"""The measurements: real teachers and their distilled students, through lm-eval, for quality and cost.

Public names are imported when they are first used, so that `import evalsuite` needs neither torch nor lm-eval.
"""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "EvalRun": "evalsuite.measure",
    "LoadedModel": "evalsuite.models",
    "ModelSpec": "evalsuite.models",
    "Recipe": "evalsuite.distill.recipe",
    "Student": "evalsuite.distill.student",
    "known_models": "evalsuite.models",
    "load": "evalsuite.models",
    "make_student": "evalsuite.distill.student",
    "read_recipe": "evalsuite.distill.recipe",
    "resolve": "evalsuite.models",
    "run_eval": "evalsuite.measure",
}

__all__ = [
    "EvalRun", "LoadedModel", "ModelSpec", "Recipe", "Student", "known_models", "load", "make_student", "read_recipe",
    "resolve", "run_eval",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'evalsuite' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
