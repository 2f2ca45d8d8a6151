"""Models that may be offered: named in the catalog, stated outright, or students of another model of the scenario."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.scenario.base import Fraction, Name, Part, Positive


class CatalogModel(Part):
    """A model of the catalog: ability by task class with its error, list price and measured cost."""

    kind: Literal["catalog"]
    name: Name
    catalog: str = Field(description="the model's name in the catalog")


class StatedModel(Part):
    """A model whose quality is stated; without error. Either `quality` in [0, 1] or `theta` in logits.

    In task classes of `success: identity` the quality itself enters.
    """

    kind: Literal["stated"]
    name: Name
    quality: Fraction | None = None
    theta: float | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> StatedModel:
        if (self.quality is None) == (self.theta is None):
            raise ValueError("give exactly one of quality and theta")
        return self


class RelativeStudent(Part):
    """A student stated relative to its teacher, in quality as shown (benchmark success) and in cost of serving."""

    kind: Literal["relative"]
    name: Name
    teacher: Name
    quality_ratio: Annotated[float, Field(ge=0.0, le=2.0)] = Field(description="student's quality over the teacher's")
    cost_ratio: Positive = Field(description="student's cost of serving over the teacher's")


class TransferredStudent(Part):
    """A student as measured at small scale, transferred: its difference in theta from its own teacher and its ratio
    of cost are carried over, class by class and with their uncertainty, to `teacher`. Always an assumption.
    """

    kind: Literal["transferred"]
    name: Name
    teacher: Name
    measured_student: str = Field(description="name of the measured student in the catalog")


ModelSpec = Annotated[CatalogModel | StatedModel | RelativeStudent | TransferredStudent, Field(discriminator="kind")]
