"""mixture: what the public uses is an efficient mixture of experts, distilled from a larger private dense model."""

from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sim.claims.claim import Arms, Cell, Claim, Control, Criterion, Evidence, Experiment, Measurement, Score
from sim.shared.hardware import accelerator, rent_at
from sim.shared.paths import data_dir
from sim.shared.prices import price_at
from sim.shared.roofline import Serving, Shape, fits, serving_cost_usd_per_mtok

# -- modelled: what a dense model of equal quality costs to serve -------------------------------------------------

DEVICE = "H100 SXM 80GB"
RENTED_ON = datetime.date(2026, 11, 24)
READ_TO_WRITTEN = 3.0  # tokens read for one written, in the price of a blended token
DRAWS = 400
# Layers of published dense models (Llama 3 of 8, 70 and 405 billion parameters); between them by the logarithm of size.
DENSE_SIZES, DENSE_LAYERS = (8e9, 70e9, 405e9), (32, 80, 126)


@dataclass(frozen=True)
class Assumed:
    """One draw of what the comparison rests on.

    Attributes:
        equivalence: w: a mixture counts as a dense model of active^w * total^(1-w) parameters.
        batch: sequences served at once.
        context_tokens: their length.
        peak_share: share of an accelerator's peak that arithmetic reaches.
    """

    equivalence: float
    batch: int
    context_tokens: int
    peak_share: float


# Shapes as published with the weights, in 8 bits; keys and values in 16. The last is a name in data/prices.csv.
MIXTURES: tuple[tuple[str, Shape, str], ...] = (
    ("DeepSeek-V3, 37 of 671 billion", Shape(37e9, 671e9, 61, 70272, 1.0), "deepseek-chat"),
    ("Kimi-K2, 32 of 1,040 billion", Shape(32e9, 1040e9, 61, 70272, 1.0), "kimi-k2-0711-preview"),
    ("Llama-4-Maverick, 17 of 400 billion", Shape(17e9, 400e9, 48, 196608, 1.0), ""),
    ("Qwen3-235B-A22B, 22 of 235 billion", Shape(22e9, 235e9, 94, 192512, 1.0), ""),
    ("Mixtral-8x7B, 12.9 of 46.7 billion", Shape(12.9e9, 46.7e9, 32, 131072, 1.0), ""),
)


@functools.cache
def assumptions() -> tuple[Assumed, ...]:
    """The draws, the same for every mixture."""
    unit = np.random.default_rng(0).random((DRAWS, 4))

    def between(column: int, low: float, high: float) -> np.ndarray:
        return np.asarray(low * (high / low) ** unit[:, column])

    batch, context, share = between(1, 16, 512), between(2, 1000, 16000), between(3, 0.15, 0.4)
    return tuple(
        Assumed(float(0.25 + 0.5 * unit[k, 0]), round(batch[k]), round(context[k]), float(share[k]))
        for k in range(DRAWS)
    )


def dense_of(mixture: Shape, equivalence: float) -> Shape:
    """The dense model that counts as much; its keys and values are the mixture's, which attention decides."""
    params = mixture.active_params**equivalence * mixture.total_params ** (1.0 - equivalence)
    layers = round(float(np.interp(np.log(params), np.log(DENSE_SIZES), DENSE_LAYERS)))
    return replace(mixture, active_params=params, total_params=params, layers=layers)


@functools.cache
def _rent_usd_per_hour() -> float:
    return rent_at(DEVICE, RENTED_ON).usd_per_hour


def blended_usd_per_mtok(shape: Shape, assumed: Assumed) -> float:
    """A blended token on the fewest accelerators, 1, 2, 4, ..., that hold model and batch."""
    device, rent = accelerator(DEVICE), _rent_usd_per_hour()
    serving = Serving(assumed.batch, assumed.context_tokens, prefill_efficiency=assumed.peak_share)
    while not fits(shape, device, serving):
        serving = replace(serving, accelerators=2 * serving.accelerators)
    read, written = serving_cost_usd_per_mtok(shape, device, serving, rent)
    return (READ_TO_WRITTEN * read + written) / (READ_TO_WRITTEN + 1.0)


def dense_over_mixture(mixture: Shape, assumed: Assumed) -> float:
    """Cost of the dense model of equal quality over the mixture's."""
    dense = dense_of(mixture, assumed.equivalence)
    return blended_usd_per_mtok(dense, assumed) / blended_usd_per_mtok(mixture, assumed)


def _cell(name: str, values: Sequence[float], rests_on: str) -> Cell:
    low, middle, high = (float(value) for value in np.quantile(values, (0.025, 0.5, 0.975)))
    return Cell(name, middle, low, high, rests_on)


def cost_ratios() -> Sequence[Cell]:
    """Dense over mixture, by published mixture; the interval is that of the assumptions."""
    rests = f"roofline on {DEVICE}, {DRAWS} draws of equivalence, batch, context and share of peak"
    return [
        _cell(name, [dense_over_mixture(shape, assumed) for assumed in assumptions()], rests)
        for name, shape, _ in MIXTURES
    ]


def cost_ratios_at_batch_1() -> Sequence[Cell]:
    """The same for one sequence at a time, where a mixture fills as many accelerators and serves one."""
    alone = [replace(assumed, batch=1) for assumed in assumptions()]
    return [
        _cell(f"{name}, batch 1", [dense_over_mixture(shape, assumed) for assumed in alone], "the same draws")
        for name, shape, _ in MIXTURES
    ]


def cost_over_price() -> Sequence[Cell]:
    """Modelled cost of a blended token over its published list price, where one is known."""
    cells = []
    for name, shape, sold_as in MIXTURES:
        if not sold_as:
            continue
        price = price_at(sold_as, RENTED_ON.isoformat())
        listed = READ_TO_WRITTEN * price.price_in_usd_per_mtok + price.price_out_usd_per_mtok
        listed /= READ_TO_WRITTEN + 1.0
        costs = [blended_usd_per_mtok(shape, assumed) / listed for assumed in assumptions()]
        cells.append(_cell(f"{name}: modelled cost over list price", costs, f"{sold_as} since {price.since}"))
    return cells


# -- cited: which public models are taken to be distilled ---------------------------------------------------------


def _share(name: str, flagged: int, of: int, rests_on: str) -> Cell:
    from scipy.stats import binomtest

    low, high = binomtest(flagged, of).proportion_ci(0.95, "exact")
    return Cell(name, flagged / of, float(low), float(high), rests_on)


def _listed() -> tuple[Any, Any, Any]:
    """The list with one row a model: its frame, who is flagged, and whose confidence is medium or high."""
    import pandas as pd

    frame = pd.read_csv(data_dir() / "epoch_distilled_models.csv")
    frame = frame.assign(model=frame["model"].str.replace(r"_(high|medium|low|\d+K)$", "", regex=True))
    frame = frame.drop_duplicates("model")
    return frame, frame["distilled"].astype(bool), frame["confidence"].isin(["medium", "high"])


def flagged_models() -> Sequence[Cell]:
    """Share of the listed models that are flagged as distilled at medium confidence or more."""
    frame, distilled, sure = _listed()
    rests = f"{len(frame)} models of Epoch AI's list; says neither from what, nor whether it is a mixture"
    return [_share("flagged at medium or more", int((distilled & sure).sum()), len(frame), rests)]


def flagged_otherwise() -> Sequence[Cell]:
    """The same at any confidence, and among those alone that were judged at medium or more."""
    frame, distilled, sure = _listed()
    return [
        _share("flagged at any confidence", int(distilled.sum()), len(frame), f"{len(frame)} models"),
        _share("flagged of those judged at medium or more", int((distilled & sure).sum()), int(sure.sum()),
               f"{int(sure.sum())} models"),
    ]  # fmt: skip


# -- simulated: whether holding the dense teacher back pays -------------------------------------------------------

COPIER: dict[str, Any] = {
    "offer": "rival", "teacher_offer": "mixture",
    "source": {
        "kind": "accounts", "accounts": 2000, "output_mtok": 5000, "most_days": 60, "requests_per_account_day": 60,
    },
    "curve": {"kind": "parametric", "asymptote_logits": -0.1, "scale_mtok": 300}, "waits": False,
    "training_cost_usd": 5e6, "training_days": 30, "first_day": 30, "every_days": 91.25,
}  # fmt: skip
ON_SALE = {"key": "providers.lab.offers.teacher.on_sale", "value": True}
COPIES_THE_BEST = {"key": "providers.rival.lab.students.rival.teacher_offer", "value": "teacher"}
NOBODY_COPIES = {"key": "providers.rival.lab.students", "value": []}

SWEEP: dict[str, Any] = {
    "scenario": "mixture_of_experts",
    "changes": [
        {"key": "interventions", "value": []},
        {"key": "providers.rival.lab.students", "value": [COPIER]},
    ],
    "arms": [
        {"name": "withheld", "says": "the lab sells its mixture alone; the rival distils that"},
        {"name": "sold", "says": "the lab sells its dense teacher too; the rival distils the teacher",
         "changes": [ON_SALE, COPIES_THE_BEST]},
        {"name": "withheld_alone", "says": "the mixture alone; nobody distils", "changes": [NOBODY_COPIES]},
        {"name": "sold_alone", "says": "the teacher too; nobody distils", "changes": [NOBODY_COPIES, ON_SALE]},
    ],
    "parameters": [
        {"name": "equivalence", "paths": ["models.mixture.equivalence"],
         "distribution": {"kind": "uniform", "low": 0.25, "high": 0.75}},
        {"name": "asymptote_logits", "paths": ["providers.rival.lab.students.rival.curve.asymptote_logits"],
         "distribution": {"kind": "uniform", "low": -0.6, "high": 0.2}},
        {"name": "scale_mtok", "paths": ["providers.rival.lab.students.rival.curve.scale_mtok"],
         "distribution": {"kind": "loguniform", "low": 30.0, "high": 3000.0}},
        {"name": "rival_theta", "paths": ["models.dense-rival.theta"],
         "distribution": {"kind": "uniform", "low": 0.0, "high": 1.4}},
        {"name": "price_sensitivity", "paths": ["population.price_sensitivity.median"],
         "distribution": {"kind": "loguniform", "low": 0.02, "high": 0.2}},
        {"name": "difficulty_mean", "paths": ["tasks.reason.difficulty_mean"],
         "distribution": {"kind": "uniform", "low": -1.0, "high": 3.0}},
    ],
    "metrics": [
        {"kind": "books", "name": "profit", "provider": "lab", "column": "profit_usd", "take": "sum",
         "window_days": 730, "discount_per_year": 0.15},
        {"kind": "offer", "name": "teacher_share", "offer": "teacher", "column": "share_of_tokens", "window_days": 365},
    ],
    "timeout_s": 300,
}  # fmt: skip


def withheld_over_sold(suffix: str = "") -> Any:
    """Profit of the lab that holds its teacher back over that of one that sells it too, less 1."""

    def of(arms: Arms) -> float:
        sold = arms[f"profit@sold{suffix}"]  # a ratio to a loss says nothing
        return arms[f"profit@withheld{suffix}"] / sold - 1.0 if sold > 0.0 else math.nan

    return of


CLAIM = Claim(
    name="mixture",
    sentence="What the public uses is an efficient mixture of experts distilled from a larger private dense model.",
    hypothesis=(
        "Cost of serving a dense model of equal quality over a mixture's; profit gained by holding the dense teacher "
        "back; share of public models that are taken to be distilled."
    ),
    criterion=(
        "A dense model of equal quality costs more than twice as much to serve as every published mixture, whatever is "
        "assumed; holding the teacher back pays in at least nine draws of ten; and at least half of the public models "
        "are flagged as distilled at medium confidence or more."
    ),
    by_construction=(
        "Equal quality is an assumption: a mixture counts as a dense model between active^.75 total^.25 and active^.25 "
        "total^.75. Both have the same keys and values, so that attention does not decide, and the fewest accelerators "
        "that hold them. At batch 1 a mixture must lose its advantage. Another offer cannot hurt its seller unless "
        "somebody learns from it: where nobody copies, holding back must not pay. Epoch AI's list says who is "
        "distilled, not from what, and rests mostly on inference."
    ),
    experiments=(
        Experiment(
            name="withholding",
            says="A lab with a dense teacher and a mixture made of it, and a rival that distils the best on sale",
            sweep=SWEEP,
            scores=(
                Score("pays", "fraction", "profit gained by holding the teacher back", withheld_over_sold()),
                Score("pays_uncopied", "fraction", "the same where nobody distils", withheld_over_sold("_alone")),
                Score("teacher_share", "fraction", "of tokens, of the teacher where it is sold",
                      lambda arms: arms["teacher_share@sold"]),
            ),
            criteria=(Criterion("pays", "holding the teacher back pays", "pays", "above", 0.0),),
            controls=(
                Control("nobody_copies", "where nobody distils, holding back gains less than 1%",
                        Criterion("no_gain", "less than 1%", "pays_uncopied", "below", 0.01)),
            ),
        ),
    ),
    measurements=(
        Measurement(
            name="cost_of_serving",
            says="Modelled by the roofline: a dense model of equal quality over published mixtures of experts",
            unit="ratio",
            cells=cost_ratios,
            criterion=Criterion("twice", "more than twice as dear", "ratio", "above", 2.0),
            controls=(
                (
                    Control("batch_1", "at batch 1 the dense model is less than twice as dear",
                            Criterion("not_twice", "less than twice as dear", "ratio", "below", 2.0)),
                    cost_ratios_at_batch_1,
                ),
            ),
            beside=cost_over_price,
        ),
        Measurement(
            name="public_models",
            says="Public models that Epoch AI takes to be distilled at medium confidence or more",
            unit="share of models",
            cells=flagged_models,
            criterion=Criterion("half", "at least half of them", "share", "above", 0.5),
            beside=flagged_otherwise,
        ),
    ),
    evidence=(
        Evidence("cited", "shapes as published with the weights; data/epoch_distilled_models.csv; data/prices.csv"),
        Evidence("assumed", "equal quality, batch, context, share of peak; abilities, the rival's curve, tastes"),
    ),
)  # fmt: skip
