"""The base of all scenario parts: frozen, strict about unknown fields, no NaN, and one name rule."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="letters, digits, '.', '_', '-'")]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class Part(BaseModel):
    """A frozen part of a scenario; an unknown field is an error, and so is a NaN or an infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
