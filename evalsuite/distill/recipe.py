"""A recipe: everything that decides which student comes out, as frozen data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sim.shared.errors import InputError, raise_all
from sim.shared.manifest import sha256_of_json
from sim.shared.paths import shipped_or_path
from sim.shared.yaml import read_yaml

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DepthPruning(_Part):
    """Layers of the teacher that stay, by index from 0, in order."""

    kind: Literal["depth"]
    keep: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascending(self) -> DepthPruning:
        if list(self.keep) != sorted(set(self.keep)):
            raise ValueError("list each layer once, in ascending order")
        return self


class LogitDistillation(_Part):
    """Forward KL from the teacher's full token probabilities, over text that the teacher wrote."""

    kind: Literal["logit_kd"]
    training_tokens: Annotated[int, Field(ge=1)] = Field(description="tokens trained on, epochs included")
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    sequence_tokens: Annotated[int, Field(ge=8, le=8192)] = 128
    batch_sequences: Annotated[int, Field(ge=1, le=1024)] = 8
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class TeacherText(_Part):
    """Text that the teacher writes: distinct tokens, in batches, sampled at a temperature."""

    tokens: Annotated[int, Field(ge=64)]
    batch: Annotated[int, Field(ge=1, le=512)] = 64
    answer_tokens: Annotated[int, Field(ge=8, le=1024)] = 96
    temperature: Annotated[float, Field(gt=0, le=5)] = 1.0


class Recipe(_Part):
    """How a student is made."""

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    teacher: str
    student: DepthPruning
    text: TeacherText
    method: LogitDistillation
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def sha256(self) -> str:
        """Hash of the content."""
        return sha256_of_json(self.model_dump(mode="json"))


def read_recipe(argument: str) -> Recipe:
    """The recipe of a YAML file or of a shipped name.

    Raises:
        InputError, InputErrors: all problems of the file at once.
    """
    path: Path = shipped_or_path(argument, "recipes", ".yaml")
    try:
        return Recipe.model_validate(read_yaml(path))
    except ValidationError as error:
        problems = []
        for item in error.errors(include_url=False):
            unknown = item["type"] == "extra_forbidden"
            allowed = ", ".join(_fields(item["loc"][:-1])) if unknown else item["msg"]
            field = ".".join(str(step) for step in item["loc"])
            problems.append(InputError(str(path), field, item.get("input", ""), allowed, "correct the recipe"))
        raise_all(problems)
        raise


def _fields(location: tuple[int | str, ...]) -> list[str]:
    parts: dict[str, type[BaseModel]] = {"student": DepthPruning, "text": TeacherText, "method": LogitDistillation}
    part = parts.get(str(location[0]), Recipe) if location else Recipe
    return list(part.model_fields)
