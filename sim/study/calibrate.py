"""The market calibrated: first on synthetic markets whose truth is known, then on the real one.

1. The sweep's points are run (`sim.study.sweep`: kept on disk, resumable, on any engine); each a draw from the prior.
2. Each point's summaries get errors of observation, and a posterior is learned from all points but the last `checks`.
3. Those last points are synthetic data sets of known truth: `coverage` and `recovery` say whether the posterior may be
   believed, and which parameters such data can tell at all. Nothing real has been looked at so far.
4. The posterior of what the real market shows is drawn (`posterior`), its spread laid beside the prior's
   (`identification`), and some draws are run through the market: `fit` has every summary, fitted and held out, observed
   and predicted.

What fails inside (a point, a summary that a run does not have) is left out and told; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.runner import catalog_sha256
from sim.shared.catalog import Catalog
from sim.shared.console import Progress, note
from sim.shared.errors import CheckFailed
from sim.shared.manifest import Input, Manifest
from sim.shared.paths import check_output_dir, writable_dir, write_text
from sim.shared.tables import read_table, write_csv, write_parquet
from sim.study.calibration import Study, scaled
from sim.study.coverage import coverage, recovery
from sim.study.engines.engine import Engine
from sim.study.fit import fit_table, identification
from sim.study.point import code_key
from sim.study.posterior import NETS, Posterior, check_installed, learn
from sim.study.priors import normal_of, values_of
from sim.study.probe import Prober
from sim.study.sweep import run_sweep
from sim.world.streams import Streams

if TYPE_CHECKING:
    import pandas as pd

KIND = "sim calibrate"
MARK = "calibration.txt"  # says whose folder it is, from the first moment on
CHECK_DRAWS = 400  # of the posterior of each synthetic data set
TABLES = ("coverage", "recovery", "identification", "fit", "posterior")


@dataclass(frozen=True)
class Runs:
    """The runs of a sweep as pairs; rows in the order of points, without those that failed.

    Attributes:
        points: numbers in the design, shape (N,).
        parameters: standard normal scores, shape (N, P).
        summaries: of all summaries, on their own scales, without errors of observation, shape (N, S).
        failed: points left out because they have a reason.
        missing: points left out because a fitted summary is no number.
    """

    points: np.ndarray
    parameters: np.ndarray
    summaries: np.ndarray
    failed: int
    missing: int


def calibrate(
    study: Study,
    catalog: Catalog,
    engine: Engine,
    folder: Path,
    command: str = "",
    synthetic: bool = False,
    retry_failed: bool = False,
) -> dict[str, pd.DataFrame]:
    """The tables of `TABLES`, written to `folder`; what was run before is kept.

    Args:
        study: what to calibrate.
        catalog: the models.
        engine: where the market is run.
        folder: an earlier output, or a new one.
        command: what the manifest names.
        synthetic: stop before the real data.
        retry_failed: run points anew that failed before.

    Raises:
        MissingExtra: if sbi is not installed.
        CheckFailed: if too few runs are left.
        InputError: for a folder that holds something else.
    """
    check_installed()
    check_output_dir(folder, MARK, "--out")
    writable_dir(folder, "--out")
    write_text(folder / MARK, f"{KIND} {study.calibration.name}\n")
    run_sweep(study.plan, catalog, engine, folder / "sweep", command, retry_failed)
    found = read_runs(study, folder / "sweep")
    if found.failed or found.missing:
        note(f"left out: {found.failed} points that failed, {found.missing} without a fitted summary")
    learning = found.points < study.learning_points
    noisy = with_errors(study, found)
    posterior = _learned(study, found.parameters[learning], noisy[learning])
    tables = checks(study, posterior, found.parameters[~learning], noisy[~learning])
    if not synthetic:
        tables |= _real(study, catalog, engine, folder, posterior, found)
    content = {}
    for name, table in tables.items():
        content[f"{name}.parquet"] = write_parquet(table, folder / f"{name}.parquet")
        content[f"{name}.csv"] = write_csv(table, folder / f"{name}.csv")
    settings = {
        "calibration": study.calibration.model_dump(mode="json"),
        "study_sha256": study.sha256,
        "catalog_sha256": catalog_sha256(catalog),
        "code": code_key(),
        "points": len(found.points),
        "failed": found.failed,
        "missing": found.missing,
        "nets": NETS,
        "synthetic": synthetic,
    }
    inputs = [Input("scenario", "assumed", f"{study.plan.sweep.scenario}, varied", study.plan.scenario.sha256)]
    if not synthetic:
        inputs += [Input(part.name, "cited", part.observed.source) for part in study.calibration.summaries]
    took = {"backend": engine.name, "workers": engine.workers}
    Manifest(KIND, command, settings, tuple(inputs), content, took).write(folder)
    return tables


def read_runs(study: Study, folder: Path) -> Runs:
    """The finished sweep of a folder, as pairs; a summary that is not fitted may be NaN."""
    points = read_table(folder / "points.parquet")
    metrics = read_table(folder / "metrics.parquet")
    means = metrics.groupby(["point", "metric"])["value"].mean().unstack("metric")
    whole = points[points["reason"].fillna("") == ""].set_index("point")
    whole = whole[whole.index.isin(means.index)]
    parts = study.plan.sweep.parameters
    parameters = np.stack([normal_of(part.distribution, whole[part.name].to_numpy()) for part in parts], axis=1)
    rows = means.loc[whole.index].to_dict("records")
    width = len(study.calibration.summaries)
    summaries = np.array([summaries_of(study, row) for row in rows], dtype=float).reshape(-1, width)
    finite = np.isfinite(summaries[:, _fitted(study)]).all(axis=1)
    return Runs(
        whole.index.to_numpy()[finite], parameters[finite], summaries[finite], len(points) - len(whole),
        int((~finite).sum()),
    )  # fmt: skip


def summaries_of(study: Study, metrics: Mapping[str, float | None]) -> list[float]:
    """All summaries of one run on their own scales; NaN where a run has none."""
    return [scaled(part, part.natural(metrics)) for part in study.calibration.summaries]


def with_errors(study: Study, found: Runs) -> np.ndarray:
    """The fitted summaries with errors of observation, shape (N, F); a point's errors are its own."""
    parts = study.calibration.fitted
    streams = Streams(study.calibration.seed, 0)
    drawn = np.array(
        [streams.generator(f"calibration/error/{point}").standard_normal(len(parts)) for point in found.points]
    ).reshape(-1, len(parts))
    return np.asarray(found.summaries[:, _fitted(study)] + drawn * np.array([part.error for part in parts]))


def checks(study: Study, posterior: Posterior, truth: np.ndarray, observed: np.ndarray) -> dict[str, pd.DataFrame]:
    """The tables `coverage` and `recovery`, on synthetic data sets that the posterior was not learned from.

    Args:
        study: names the parameters.
        posterior: to be checked.
        truth: standard normal scores, shape (B, P).
        observed: fitted summaries with errors, shape (B, F).
    """
    if len(truth) < 2:
        raise CheckFailed(f"{len(truth)} synthetic data sets are left to check with; two are the least")
    names = [part.name for part in study.plan.sweep.parameters]
    drawn = posterior.draw(observed, CHECK_DRAWS, study.calibration.seed)
    return {"coverage": coverage(names, drawn, truth), "recovery": recovery(names, drawn, truth)}


def _learned(study: Study, parameters: np.ndarray, noisy: np.ndarray) -> Posterior:
    with Progress("learning the posterior", NETS, "nets") as progress:
        return learn(parameters, noisy, study.calibration.seed, NETS, lambda: progress.advance(1))


def _real(
    study: Study, catalog: Catalog, engine: Engine, folder: Path, posterior: Posterior, found: Runs
) -> dict[str, pd.DataFrame]:
    """The tables `posterior`, `identification` and `fit`, from what the real market shows."""
    import pandas as pd

    calibration, parts = study.calibration, study.plan.sweep.parameters
    observed = np.array([[scaled(part, part.observed.value) for part in calibration.fitted]])
    scores = posterior.draw(observed, calibration.draws, calibration.seed)[:, 0, :]
    names = [part.name for part in parts]
    draws = pd.DataFrame(values_of(parts, scores), columns=names)
    some = draws.head(calibration.predictive_draws).to_dict("records")
    asked = Prober(study.plan, catalog, engine, folder).ask(some, "posterior draws")
    broken = sum(bool(probe.reason) for probe in asked)
    if broken:
        note(f"left out: {broken} of {len(asked)} posterior draws failed")
    predicted = np.array([summaries_of(study, probe.metrics) for probe in asked if not probe.reason])
    predicted = predicted.reshape(-1, len(calibration.summaries))
    if not len(predicted):
        raise CheckFailed(f"no posterior draw could be run; the first: {asked[0].reason}")
    return {
        "posterior": draws.rename_axis("draw").reset_index(),
        "identification": identification(parts, scores),
        "fit": fit_table(calibration.summaries, calibration.seed, found.summaries, predicted),
    }


def _fitted(study: Study) -> list[int]:
    """Places of the fitted summaries among all."""
    return [place for place, part in enumerate(study.calibration.summaries) if part.role == "fitted"]
