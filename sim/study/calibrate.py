"""The market calibrated: first on synthetic markets whose truth is known, then on the real one.

1. The sweep's points are run (`sim.study.sweep`: kept on disk, resumable, on any engine); each a draw from the prior.
2. Each point's summaries get errors of observation. Every point is then a synthetic data set of known truth.
3. The points are cut in parts; the posterior of each part's data sets is learned from the other parts, so that all of
   them are checked and none has taught what it checks. `coverage` and `recovery` say whether such a posterior may be
   believed, and which parameters such data can tell at all. Nothing real has been looked at so far.
4. The posterior of what the real market shows is learned from all points and drawn (`posterior`). Its spread is laid
   beside the prior's (`identification`), and some draws are run through the market: `fit` has every summary, fitted and
   held out, observed and predicted.

What fails inside (a point, a summary that a run does not have) is left out and told; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    noisy, folds, seed = with_errors(study, found), study.calibration.folds, study.calibration.seed
    with Progress("learning posteriors", NETS * (folds + (not synthetic)), "nets") as progress:
        drawn = held_out_draws(found.parameters, noisy, folds, seed, lambda: progress.advance(1))
        tables = checks([part.name for part in study.plan.sweep.parameters], drawn, found.parameters)
        posterior = None if synthetic else learn(found.parameters, noisy, seed, NETS, lambda: progress.advance(1))
    if posterior is not None:
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


def held_out_draws(
    parameters: np.ndarray, noisy: np.ndarray, folds: int, seed: int, on_net: Callable[[], None] = lambda: None
) -> np.ndarray:
    """Draws for every data set from a posterior that was learned without its part, shape (CHECK_DRAWS, N, P).

    Args:
        parameters: standard normal scores, shape (N, P).
        noisy: fitted summaries with errors, shape (N, F).
        folds: parts; the n-th data set is in part n modulo `folds`.
        seed: of nets and draws.
        on_net: called when a net is trained.
    """
    part = np.arange(len(parameters)) % folds
    drawn = np.empty((CHECK_DRAWS, *parameters.shape))
    for fold in range(folds):
        mine = part == fold
        posterior = learn(parameters[~mine], noisy[~mine], seed + NETS * (fold + 1), NETS, on_net)
        drawn[:, mine] = posterior.draw(noisy[mine], CHECK_DRAWS, seed)
    return drawn


def checks(names: Sequence[str], drawn: np.ndarray, truth: np.ndarray) -> dict[str, pd.DataFrame]:
    """The tables `coverage` and `recovery`, from draws (L, N, P) for synthetic data sets of known truth (N, P)."""
    return {"coverage": coverage(names, drawn, truth), "recovery": recovery(names, drawn, truth)}


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
