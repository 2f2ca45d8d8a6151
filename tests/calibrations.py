"""Shared by the tests of calibrations: one of the tiny market of `sweeps`, and posteriors known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sweeps import raw_sweep, raw_tiny

from sim.study.calibration import Study, load_study

NOISE = 0.5  # standard deviation of what is observed around the first parameter


def raw_calibration(**changes: Any) -> dict[str, Any]:
    """The first firm's price is unknown; the second firm's share tells of it, the market's margin is held out."""
    raw: dict[str, Any] = {
        "name": "tiny", "title": "the price of one of two firms", "sweep": "sweep.yaml", "folds": 2, "draws": 200,
        "predictive_draws": 10,
        "summaries": [
            {"kind": "level", "name": "share", "role": "fitted", "metrics": ["share"], "scale": "logit", "error": 0.1,
             "observed": {"value": 0.5, "unit": "fraction", "date": "2026", "source": "a test"}},
            {"kind": "level", "name": "margin", "role": "held_out", "metrics": ["margin"], "scale": "linear",
             "error": 0.05, "observed": {"value": 0.9, "unit": "fraction", "date": "2026", "source": "a test"}},
        ],
    }  # fmt: skip
    return raw | changes


def raw_prior_sweep(points: int = 240, **changes: Any) -> dict[str, Any]:
    """The sweep of `sweeps`, with a prior instead of a grid."""
    price = raw_sweep()["parameters"][0] | {"distribution": {"kind": "uniform", "low": 1.2, "high": 1.8}}
    metrics = [
        {"kind": "offer", "name": "share", "offer": "o1", "column": "share_of_tokens", "days": [40]},
        {"kind": "market", "name": "margin", "column": "margin", "days": [40]},
    ]
    settings = {"parameters": [price], "metrics": metrics, "design": {"kind": "random", "points": points}}
    return raw_sweep(**(settings | changes))


def write_study(folder: Path, sweep: dict[str, Any] | None = None, **changes: Any) -> Path:
    """`tiny.yaml`, `sweep.yaml` and `calibration.yaml` in a folder; the calibration's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(raw_tiny()))
    (folder / "sweep.yaml").write_text(yaml.safe_dump(sweep or raw_prior_sweep()))
    path = folder / "calibration.yaml"
    path.write_text(yaml.safe_dump(raw_calibration(**changes)))
    return path


def study_of(folder: Path, sweep: dict[str, Any] | None = None, **changes: Any) -> Study:
    """The study of `write_study`."""
    return load_study(write_study(folder, sweep, **changes))


def conjugate_pairs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two standard normal parameters, and two figures: the first parameter with noise, and noise alone."""
    generator = np.random.default_rng(seed)
    truth = generator.standard_normal((count, 2))
    observed = np.stack([truth[:, 0], np.zeros(count)], axis=1) + NOISE * generator.standard_normal((count, 2))
    return truth, observed


@dataclass(frozen=True)
class Conjugate:
    """The posterior of `conjugate_pairs` in closed form, its spread times `width`: 1 is right, less is too sure."""

    width: float = 1.0

    def draw(self, observed: np.ndarray, count: int, seed: int) -> np.ndarray:
        shrink = 1.0 / (1.0 + NOISE**2)
        mean = np.stack([shrink * observed[:, 0], np.zeros(len(observed))], axis=1)
        spread = self.width * np.array([NOISE * shrink**0.5, 1.0])
        return mean + spread * np.random.default_rng(seed).standard_normal((count, len(observed), 2))
