"""Models that may be offered: named in the catalog, stated outright, or students of another model of the scenario."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.scenario.base import Fraction, Name, NotNegative, Part, Positive
from sim.scenario.fleet import ModelShape

# Logits of ability for each factor e of parameters: least squares over the students of one teacher on one benchmark,
# DeepSeek-R1's of 7.6, 14.8 and 32.8 billion on GPQA diamond (49.1, 59.1, 62.1%); with that of 1.5 billion it is .80.
THETA_PER_LOG_SIZE = 0.58


class ModelPart(Part):
    """What every model may have beside its ability: a shape, which a cost of kind `fleet` needs."""

    shape: ModelShape | None = None
    group: str = Field("", description="the group of potential entrants that it was made from; not for files")


class CatalogModel(ModelPart):
    """A model of the catalog: ability by task class with its error, list price and measured cost."""

    kind: Literal["catalog"]
    name: Name
    catalog: str = Field(description="the model's name in the catalog")


class Leaning(Part):
    """What a model is better or worse at than its one ability says: `by` times the model's `spread`, in logits."""

    task: Name
    by: float


class StatedModel(ModelPart):
    """A model whose quality is stated; without error. Either `quality` in [0, 1] or `theta` in logits.

    In task classes of `success: identity` the quality itself enters. With leanings the ability in a task class is
    theta + spread * by; classes without one have theta.
    """

    kind: Literal["stated"]
    name: Name
    quality: Fraction | None = None
    theta: float | None = None
    leanings: tuple[Leaning, ...] = ()
    spread: NotNegative = Field(0.0, description="logits; dispersion of the classes' abilities, the unit of `leanings`")

    @model_validator(mode="after")
    def _one_of_both(self) -> StatedModel:
        if (self.quality is None) == (self.theta is None):
            raise ValueError("give exactly one of quality and theta")
        classes = [leaning.task for leaning in self.leanings]
        if len(set(classes)) < len(classes):
            raise ValueError("give each task class one leaning")
        return self


class RelativeStudent(ModelPart):
    """A student stated relative to its teacher, in quality as shown (benchmark success) and in cost of serving."""

    kind: Literal["relative"]
    name: Name
    teacher: Name
    quality_ratio: Annotated[float, Field(ge=0.0, le=2.0)] = Field(description="student's quality over the teacher's")
    cost_ratio: Positive = Field(description="student's cost of serving over the teacher's")


class TransferredStudent(ModelPart):
    """A student as measured at small scale, transferred: its difference in theta from its own teacher and its ratio
    of cost are carried over, class by class and with their uncertainty, to `teacher`. Always an assumption.
    """

    kind: Literal["transferred"]
    name: Name
    teacher: Name
    measured_student: str = Field(description="name of the measured student in the catalog")


class MixtureStudent(ModelPart):
    """A mixture of experts distilled from a larger teacher, dense as a rule, which its lab may keep to itself.

    It counts as a dense model of active^w * total^(1-w) parameters, w the `equivalence` (the root of active * total by
    default), and each factor e of parameters below the teacher costs `theta_per_log_size`. Both are assumptions.
    """

    kind: Literal["mixture"]
    name: Name
    teacher: Name
    shape: ModelShape
    equivalence: Fraction = Field(0.5, description="w: weight of the active parameters in the equivalent size; assumed")
    theta_per_log_size: NotNegative = Field(THETA_PER_LOG_SIZE, description="logits a factor e of parameters")
    theta_gap: float = Field(0.0, description="what distillation adds to, or takes from, that, in logits")

    def dense_params(self, shape: ModelShape) -> float:
        """Parameters of the dense model that a shape counts as."""
        return float(shape.active_params**self.equivalence * shape.total_params ** (1.0 - self.equivalence))


ModelSpec = Annotated[
    CatalogModel | StatedModel | RelativeStudent | TransferredStudent | MixtureStudent, Field(discriminator="kind")
]
