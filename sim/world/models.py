"""The models of a scenario with their abilities, resolved against the catalog for one draw of its errors.

Draw 0 is the point estimate; draw d > 0 adds one error to each (model, error key), so that rows which share a key share
the error. A student's error is that of its difference to the teacher, on top of the teacher's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sim.scenario.model import CatalogModel, MixtureStudent, RelativeStudent, StatedModel, TransferredStudent
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.shared.manifest import Evidence
from sim.shared.quality import quality_of_theta, theta_of_quality
from sim.world.streams import Streams

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Vector:
    """USD per Mtok of fresh input, cached input and output tokens."""

    input_usd_per_mtok: float
    cached_usd_per_mtok: float
    output_usd_per_mtok: float

    def times(self, input_ratio: float, output_ratio: float) -> Vector:
        """Input and cached input times one ratio, output times another."""
        return Vector(
            self.input_usd_per_mtok * input_ratio,
            self.cached_usd_per_mtok * input_ratio,
            self.output_usd_per_mtok * output_ratio,
        )


@dataclass(frozen=True)
class ResolvedModel:
    """A model ready for the market.

    Attributes:
        theta: ability by task class, logits, shape (C,).
        quality: what `identity` task classes use and people read, by task class, shape (C,).
        list_price, cost: vectors of the catalog where it has them.
        input_cost_ratio, output_cost_ratio: a student's costs over its teacher's (1 for other models).
        assumed_classes: task classes whose ability is not this model's own figure for that class.
    """

    name: str
    teacher: str
    theta: np.ndarray
    quality: np.ndarray
    evidence: Evidence
    source: str
    list_price: Vector | None = None
    cost: Vector | None = None
    input_cost_ratio: float = 1.0
    output_cost_ratio: float = 1.0
    assumed_classes: tuple[str, ...] = field(default_factory=tuple)


def resolve_models(scenario: Scenario, catalog: Catalog, streams: Streams, draw: int) -> dict[str, ResolvedModel]:
    """Every model of the scenario, by name.

    Raises:
        InputError: if the catalog lacks a model, or a measured student lacks its difference to a teacher.
    """
    resolved: dict[str, ResolvedModel] = {}
    errors = _Errors(streams, draw)
    classes = [task.name for task in scenario.tasks]
    for spec in scenario.models:
        if isinstance(spec, CatalogModel):
            resolved[spec.name] = _from_catalog(spec, catalog, classes, errors)
        elif isinstance(spec, StatedModel):
            resolved[spec.name] = _stated(spec, classes)
        elif isinstance(spec, RelativeStudent):
            resolved[spec.name] = _relative(spec, resolved[spec.teacher])
        elif isinstance(spec, MixtureStudent):
            resolved[spec.name] = _mixture(spec, resolved[spec.teacher], scenario)
        else:
            resolved[spec.name] = _transferred(spec, resolved[spec.teacher], catalog, classes, errors)
    return resolved


@dataclass(frozen=True)
class _Errors:
    """Standard normal errors, keyed by (model, error key); all zero in draw 0."""

    streams: Streams
    draw: int

    def normal(self, model: str, key: str) -> float:
        if self.draw == 0:
            return 0.0
        keyed = Streams(self.streams.seed, self.draw)
        return float(keyed.generator(f"catalog/{model}/{key}").standard_normal())


def _from_catalog(spec: CatalogModel, catalog: Catalog, classes: list[str], errors: _Errors) -> ResolvedModel:
    rows = catalog.rows_of(spec.catalog).set_index("task_class")
    teacher = str(rows["teacher"].iloc[0])
    base = _own_thetas(spec.catalog, rows, classes, errors)
    assumed: list[str] = [name for name in classes if not _told(rows, name)]
    theta = base
    if teacher and teacher in catalog.models and rows["theta_gap"].notna().any():
        # The same items were answered by both: the student's error is the teacher's plus that of the difference.
        teacher_rows = catalog.rows_of(teacher).set_index("task_class")
        gap, assumed = _gaps(spec.catalog, rows, classes, errors)
        theta = _own_thetas(teacher, teacher_rows, classes, errors) + gap
    price = _vector(rows, "price")
    cost = _vector(rows, "cost")
    if cost is not None:
        scale = math.exp(_first(rows, "cost_log_stderr", 0.0) * errors.normal(spec.catalog, "cost"))
        cost = cost.times(scale, scale)
    return ResolvedModel(
        name=spec.name,
        teacher=teacher,
        theta=theta,
        quality=np.array([quality_of_theta(value) for value in theta]),
        evidence=_evidence(str(rows["quality_evidence"].iloc[0])),
        source=f"catalog model {spec.catalog}: {rows['source'].iloc[0]}",
        list_price=price,
        cost=cost,
        assumed_classes=tuple(assumed),
    )


def _stated(spec: StatedModel, classes: list[str]) -> ResolvedModel:
    theta = spec.theta if spec.theta is not None else theta_of_quality(spec.quality or 0.0)
    quality = spec.quality if spec.quality is not None else quality_of_theta(theta)
    thetas, qualities = np.full(len(classes), theta), np.full(len(classes), quality)
    for leaning in spec.leanings if spec.spread else ():
        place = classes.index(leaning.task)
        thetas[place] = theta + spec.spread * leaning.by
        qualities[place] = quality_of_theta(float(thetas[place]))
    return ResolvedModel(
        name=spec.name,
        teacher="",
        theta=thetas,
        quality=qualities,
        evidence="assumed",
        source="stated in the scenario",
    )


def _relative(spec: RelativeStudent, teacher: ResolvedModel) -> ResolvedModel:
    quality = np.minimum(teacher.quality * spec.quality_ratio, 1.0)
    return ResolvedModel(
        name=spec.name,
        teacher=teacher.name,
        theta=np.array([theta_of_quality(float(value)) for value in quality]),
        quality=quality,
        evidence="assumed",
        source=f"stated: {spec.quality_ratio:g} of {teacher.name}'s quality at {spec.cost_ratio:g} of its cost",
        input_cost_ratio=spec.cost_ratio,
        output_cost_ratio=spec.cost_ratio,
    )


def _mixture(spec: MixtureStudent, teacher: ResolvedModel, scenario: Scenario) -> ResolvedModel:
    shape = scenario.model_named(spec.teacher).shape
    assert shape is not None  # a contradiction otherwise
    log_size = math.log(spec.dense_params(spec.shape) / spec.dense_params(shape))
    theta = teacher.theta + spec.theta_per_log_size * log_size + spec.theta_gap
    return ResolvedModel(
        name=spec.name,
        teacher=teacher.name,
        theta=theta,
        quality=np.array([quality_of_theta(float(value)) for value in theta]),
        evidence="assumed",
        source=(
            f"assumed: a mixture of experts that counts as {spec.dense_params(spec.shape) / 1e9:.3g} billion dense "
            f"parameters, distilled from {teacher.name}"
        ),
    )


def _transferred(
    spec: TransferredStudent, teacher: ResolvedModel, catalog: Catalog, classes: list[str], errors: _Errors
) -> ResolvedModel:
    rows = catalog.rows_of(spec.measured_student).set_index("task_class")
    if rows["theta_gap"].isna().all() or rows["cost_in_ratio"].isna().all():
        raise InputError(
            source="catalog",
            field=f"{spec.measured_student}: theta_gap, cost_in_ratio",
            received="empty",
            allowed="a student that was measured together with its teacher",
            remedy="measure both in one run and publish it: undercut eval run, undercut eval publish",
        )
    gap, assumed = _gaps(spec.measured_student, rows, classes, errors)
    theta = teacher.theta + gap
    scale = math.exp(_first(rows, "cost_ratio_log_stderr", 0.0) * errors.normal(spec.measured_student, "cost_ratio"))
    return ResolvedModel(
        name=spec.name,
        teacher=teacher.name,
        theta=theta,
        quality=np.array([quality_of_theta(value) for value in theta]),
        evidence="assumed",
        source=f"assumed (transferred): {spec.measured_student}'s difference and cost ratio, carried to {teacher.name}",
        input_cost_ratio=_first(rows, "cost_in_ratio", 1.0) * scale,
        output_cost_ratio=_first(rows, "cost_out_ratio", 1.0) * scale,
        assumed_classes=tuple(assumed),
    )


def _told(rows: pd.DataFrame, name: str) -> bool:
    """Whether the catalog has an informative row of the class itself, or of all classes together."""
    row = name if name in rows.index else "all" if "all" in rows.index else None
    return row is not None and bool(rows.loc[row, "informative"])


def _own_thetas(model: str, rows: pd.DataFrame, classes: list[str], errors: _Errors) -> np.ndarray:
    """Theta by class: the class's own row, else the row "all", else the mean of the informative rows as drawn."""
    informative = rows[rows["informative"]]
    usable = informative if len(informative) else rows
    mean = float(
        np.mean(
            [
                row["theta"] + row["theta_stderr"] * errors.normal(model, str(row["theta_error_key"]))
                for row in usable.to_dict("records")
            ]
        )
    )
    out = np.empty(len(classes))
    for index, name in enumerate(classes):
        row = name if name in rows.index else "all" if "all" in rows.index else None
        if row is None or not bool(rows.loc[row, "informative"]):
            out[index] = mean
            continue
        error = errors.normal(model, str(rows.loc[row, "theta_error_key"]))
        out[index] = float(rows.loc[row, "theta"]) + float(rows.loc[row, "theta_stderr"]) * error
    return out


def _gaps(model: str, rows: pd.DataFrame, classes: list[str], errors: _Errors) -> tuple[np.ndarray, list[str]]:
    """Difference to the teacher by class, and the classes where the mean of the informative ones stands in."""
    usable = rows[rows["informative"] & rows["theta_gap"].notna()]
    if usable.empty:
        raise InputError(
            source="catalog",
            field=f"{model}: theta_gap",
            received="no informative task class",
            allowed="at least one class in which the teacher is above chance",
            remedy="measure on a suite that the teacher can do",
        )
    drawn = {
        str(name): float(row["theta_gap"])
        + (float(row["theta_gap_stderr"]) if row["theta_gap_stderr"] == row["theta_gap_stderr"] else 0.0)
        * errors.normal(model, f"gap/{row['theta_error_key']}")
        for name, row in usable.iterrows()
    }
    mean = float(np.mean(list(drawn.values())))
    assumed = [name for name in classes if name not in drawn]
    return np.array([drawn.get(name, mean) for name in classes]), assumed


def _vector(rows: pd.DataFrame, what: str) -> Vector | None:
    input_price = _first(rows, f"{what}_in_usd_per_mtok", math.nan)
    output_price = _first(rows, f"{what}_out_usd_per_mtok", math.nan)
    if math.isnan(input_price) or math.isnan(output_price):
        return None
    cached = math.nan
    if what == "price":
        cached = _first(rows, "price_cached_usd_per_mtok", math.nan)
    return Vector(input_price, input_price * CACHED_RATIO if math.isnan(cached) else cached, output_price)


CACHED_RATIO = 0.1  # price of cached over fresh input where no price is cited; the usual list ratio of 2025, assumed


def _first(rows: pd.DataFrame, column: str, default: float) -> float:
    known = rows[column].dropna()
    return float(known.iloc[0]) if len(known) else default


def _evidence(text: str) -> Evidence:
    if text == "measured":
        return "measured"
    return "cited" if text == "cited" else "assumed"
