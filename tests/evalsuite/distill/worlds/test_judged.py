from typing import Any
import pytest
from evalsuite.distill.student import make_student

@pytest.mark.parametrize("kind", ["verifier", "teacher", "erring", "shuffled"])
def test_x(world_recipe: Any, judged: Any, kind: str) -> None:
    made = make_student(world_recipe(method=judged | {"judge": {"kind": kind}}), "mine")
    print(made)
