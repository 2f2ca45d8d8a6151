"""What a model costs, by ledger: measured on this machine, modelled on a named accelerator, or, for a model behind an
endpoint, its list price. Never added. Pure.

Per million tokens, per request of each task class, per right answer of that class, and per megabyte of text (teacher
and student may cut text into tokens differently).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.cost import read_rent
from evalsuite.frontier import cost_of_pass
from evalsuite.notes import Usage
from evalsuite.shapes import ModelShape
from evalsuite.tables import LEDGERS, USAGE
from sim.shared.catalog import Catalog, make_catalog
from sim.shared.errors import InputError
from sim.shared.roofline import ACCELERATORS, Accelerator, Serving, fits, serving_cost_usd_per_mtok
from sim.shared.stats import accuracy_draws
from sim.shared.units import BYTES_PER_MB, TOKENS_PER_MTOK

if TYPE_CHECKING:
    import pandas as pd

    from evalsuite.endpoint import EndpointPrice

# Tokens read (a prompt cache left out) and written per request: those of the default scenario, assumed.
REQUEST_TOKENS: dict[str, tuple[float, float]] = {
    "chat": (1000.0, 350.0),
    "extract": (4000.0, 250.0),
    "code": (16000.0, 1500.0),
    "reason": (2000.0, 4000.0),
    "agent": (100000.0, 4000.0),
}
LEDGER_NAMES = ("measured", "modelled", "list price")
DEFAULT_ACCELERATOR = "A100 SXM 80GB"
DEFAULT_SERVING = Serving(batch=32, context_tokens=2048, utilisation=0.5)  # assumed: a mid-sized load
REPLICATES = 2000
SEED = 0


@dataclass(frozen=True)
class Price:
    """USD per million tokens read and written by one model under one ledger, with the error of its logarithm.

    Attributes:
        hardware: whose rent it is, or where a list price stands.
        degrees: of freedom of that error; infinite where it is known to be 0.
        text_bytes_per_token: of an endpoint's own tokens, which nobody here can count otherwise; else NaN.
    """

    model: str
    ledger: str
    hardware: str
    usd_in: float
    usd_out: float
    log_stderr: float
    degrees: float = math.inf
    text_bytes_per_token: float = math.nan


def accelerator(name: str) -> Accelerator:
    """The accelerator of that name.

    Raises:
        InputError: if there is none.
    """
    for device in ACCELERATORS:
        if device.name == name:
            return device
    raise InputError("--hardware", "", name, ", ".join(device.name for device in ACCELERATORS), "name one of them")


def measured(cost: pd.DataFrame) -> list[Price]:
    """From a run's table `cost`."""
    out = []
    for model, rows in cost.groupby("model", sort=False):
        by_phase = rows.set_index("phase")
        read, write = by_phase.loc["prefill"], by_phase.loc["decode"]
        wider = read if float(read["log_stderr"]) >= float(write["log_stderr"]) else write
        out.append(
            Price(
                model=str(model),
                ledger="measured",
                hardware=str(read["hardware"]),
                usd_in=float(read["usd_per_mtok"]),
                usd_out=float(write["usd_per_mtok"]),
                log_stderr=float(wider["log_stderr"]),
                degrees=_degrees(wider),
            )
        )
    return out


def served(
    shapes: Sequence[ModelShape], device: Accelerator, serving: Serving
) -> tuple[list[ModelShape], dict[str, str]]:
    """The models that fit into memory with their batch, and of each other one why not, as a predicate."""
    fitting = [shape for shape in shapes if fits(shape.served, device, serving)]
    one = "one" if serving.accelerators == 1 else str(serving.accelerators)
    reason = f"does not fit into {one} {device.name}"
    return fitting, {shape.model: reason for shape in shapes if shape not in fitting}


def modelled(shapes: Sequence[ModelShape], device: Accelerator, serving: Serving) -> list[Price]:
    """From the roofline, at the cheapest dated rent of the accelerator.

    Raises:
        InputError: if a model does not fit into memory with its batch, or the shipped table has no such rent.
    """
    rent = read_rent(device.name)
    out = []
    for shape in shapes:
        if not fits(shape.served, device, serving):
            raise InputError(
                "--batch", "", serving.batch, f"what fits into {device.name} with {shape.model}",
                "lower --batch or --context, or name larger hardware",
            )  # fmt: skip
        usd_in, usd_out = serving_cost_usd_per_mtok(shape.served, device, serving, rent.usd_per_hour)
        out.append(Price(shape.model, "modelled", device.name, usd_in, usd_out, 0.0))
    return out


def usage_table(models: Mapping[str, tuple[EndpointPrice | None, Mapping[str, Usage]]]) -> pd.DataFrame:
    """What endpoints were asked, one row a model and task, conforming to `evalsuite.tables.USAGE`.

    Args:
        models: by name, the list price (None where it is not known) and the usage by task.
    """
    import pandas as pd

    rows = [
        {
            "model": model,
            "task": task,
            "requests": used.requests,
            "tokens_in": used.tokens_in,
            "tokens_out": used.tokens_out,
            "bytes_in": used.bytes_in,
            "usd_per_mtok_in": price.usd_in if price else math.nan,
            "usd_per_mtok_out": price.usd_out if price else math.nan,
            "usd": price.usd(used.tokens_in, used.tokens_out) if price else math.nan,
            "price_date": price.date if price else "",
            "price_source": price.source if price else "",
        }
        for model, (price, by_task) in models.items()
        for task, used in by_task.items()
    ]
    return USAGE.conform(pd.DataFrame(rows, columns=USAGE.column_names), "usage")


def listed(usage: pd.DataFrame) -> list[Price]:
    """List prices of the models behind endpoints, from a run's table `usage`; those without a price left out."""
    out = []
    for model, rows in usage.dropna(subset=["usd_per_mtok_in", "usd_per_mtok_out"]).groupby("model", sort=False):
        first = rows.iloc[0]
        tokens = float(rows["tokens_in"].sum())
        out.append(
            Price(
                model=str(model),
                ledger="list price",
                hardware=", ".join(text for text in (str(first["price_source"]), str(first["price_date"])) if text),
                usd_in=float(first["usd_per_mtok_in"]),
                usd_out=float(first["usd_per_mtok_out"]),
                log_stderr=0.0,
                text_bytes_per_token=float(rows["bytes_in"].sum()) / tokens if tokens else math.nan,
            )
        )
    return out


def prices_of(ledger: str, cost: pd.DataFrame, shapes: Sequence[ModelShape], usage: pd.DataFrame) -> list[Price]:
    """The prices of one ledger, in the run's order; the modelled one on its usual accelerator and load.

    Raises:
        InputError: for an unknown ledger, or one in which no model of the run stands.
    """
    if ledger not in LEDGER_NAMES:
        raise InputError("--ledger", "", ledger, ", ".join(LEDGER_NAMES), "name one of them")
    if ledger == "modelled":
        found = modelled(shapes, accelerator(DEFAULT_ACCELERATOR), DEFAULT_SERVING)
    else:
        found = measured(cost) if ledger == "measured" else listed(usage)
    if not found:
        raise InputError("--ledger", "", ledger, "a ledger in which a model of the run stands", "name another")
    return found


def with_modelled_costs(catalog: Catalog, prices: Sequence[Price]) -> Catalog:
    """A run's catalog with the costs of the modelled ledger instead of the measured ones; the two are never mixed.

    Ratios are those of the modelled costs. They carry no error of their own: that of a roofline against published
    speeds is printed by `undercut eval cost`, and is an assumption here.
    """
    frame = catalog.frame.copy()
    by_model = {price.model: price for price in prices}
    costs = [name for name in frame.columns if name.startswith("cost_")]
    frame[costs] = frame[costs].astype(object)
    frame.loc[:, costs] = None
    for row, (model, teacher) in enumerate(zip(frame["model"], frame["teacher"], strict=True)):
        mine, theirs = by_model.get(model), by_model.get(teacher)
        if mine is None:
            continue
        found: dict[str, object] = {
            "cost_in_usd_per_mtok": mine.usd_in,
            "cost_out_usd_per_mtok": mine.usd_out,
            "cost_log_stderr": 0.0,
            "cost_ledger": "modelled",
            "cost_evidence": "assumed",
        }
        if theirs is not None:
            found |= {
                "cost_in_ratio": mine.usd_in / theirs.usd_in,
                "cost_out_ratio": mine.usd_out / theirs.usd_out,
                "cost_ratio_log_stderr": 0.0,
            }
        for name, value in found.items():
            frame.loc[frame.index[row], name] = value
    return make_catalog(frame, "the catalog with modelled costs")


def request_usd(price: Price, task_class: str) -> float:
    """USD of one request of a class."""
    read, written = REQUEST_TOKENS[task_class]
    return (read * price.usd_in + written * price.usd_out) / TOKENS_PER_MTOK


def ledger_table(
    prices: Sequence[Price], shapes: Sequence[ModelShape], samples: pd.DataFrame, quality: pd.DataFrame
) -> pd.DataFrame:
    """One row a model, ledger and task class, conforming to `evalsuite.tables.LEDGERS`; tasks at the floor left out."""
    import pandas as pd

    by_model = {shape.model: shape for shape in shapes}
    scored = samples[samples["error"] == ""]
    counted = quality[~quality["floor"]].drop_duplicates("task").set_index("task")["task_class"]
    rng = np.random.default_rng(SEED)
    rows = []
    for price in prices:
        noise = np.exp(log_noise(rng, price.log_stderr, price.degrees))
        known = by_model.get(price.model)
        bytes_per_token = known.text_bytes_per_token if known else price.text_bytes_per_token
        for task_class in dict.fromkeys(counted):
            tasks = [task for task, mine in counted.items() if mine == task_class]
            accuracy, draws = mean_accuracy(scored, price.model, tasks)
            usd = request_usd(price, task_class)
            right = cost_of_pass(usd, accuracy, usd * noise, draws)
            rows.append(
                {
                    "model": price.model,
                    "ledger": price.ledger,
                    "hardware": price.hardware,
                    "task_class": task_class,
                    "usd_per_mtok_in": price.usd_in,
                    "usd_per_mtok_out": price.usd_out,
                    "usd_per_request": usd,
                    "accuracy": accuracy,
                    "usd_per_correct": right.estimate,
                    "usd_per_correct_low": right.low,
                    "usd_per_correct_high": right.high,
                    "usd_per_mb_in": price.usd_in * BYTES_PER_MB / bytes_per_token / TOKENS_PER_MTOK,
                    "usd_per_mb_out": price.usd_out * BYTES_PER_MB / bytes_per_token / TOKENS_PER_MTOK,
                }
            )
    return LEDGERS.conform(pd.DataFrame(rows, columns=LEDGERS.column_names), "ledgers")


def log_noise(rng: np.random.Generator, log_stderr: float, degrees: float) -> np.ndarray:
    """Errors of a cost's logarithm, shape (REPLICATES,): Student's, as the interval in table `cost` is."""
    if not log_stderr > 0:
        return np.zeros(REPLICATES)
    return log_stderr * (rng.standard_t(degrees, REPLICATES) if math.isfinite(degrees) else rng.normal(size=REPLICATES))


def half_95(price: Price) -> float:
    """Half the 95 per cent interval of the logarithm of a price."""
    from scipy.stats import t

    return float(t.ppf(0.975, price.degrees)) * price.log_stderr if price.log_stderr > 0 else 0.0


def _degrees(row: pd.Series) -> float:
    """Degrees of freedom of a row of table `cost`, which holds their effect: its interval over its standard error."""
    from scipy.stats import t

    if not float(row["log_stderr"]) > 0:
        return math.inf
    quantile = math.log(float(row["high"]) / float(row["usd_per_mtok"])) / float(row["log_stderr"])
    known = np.arange(1, 1001)
    return float(known[np.abs(t.ppf(0.975, known) - quantile).argmin()])


def mean_accuracy(scored: pd.DataFrame, model: str, tasks: Sequence[str]) -> tuple[float, np.ndarray]:
    """Mean accuracy over tasks of one model, and draws of it by cluster, shape (REPLICATES,); see `accuracy_draws`."""
    means, draws = [], []
    for place, task in enumerate(tasks):
        rows = scored[(scored["model"] == model) & (scored["task"] == task)]
        if rows.empty:
            continue
        correct = rows["correct"].to_numpy(dtype=float)
        means.append(float(correct.mean()))
        draws.append(accuracy_draws(correct[:, None], list(rows["cluster"]), SEED + place, REPLICATES)[:, 0])
    if not means:
        return float("nan"), np.full(REPLICATES, np.nan)
    return float(np.mean(means)), np.mean(draws, axis=0)
