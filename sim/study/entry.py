"""What an entry changed: the scenario with it and without it, paired, read at a number of months after the release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.metrics import RUN
from sim.metrics.books import RESEARCH, gross_profits
from sim.results import RunResult
from sim.runner import command_of, run
from sim.scenario.model import RelativeStudent, TransferredStudent
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.shared.units import DAYS_PER_MONTH
from sim.study.intervals import Estimate, estimate, estimate_ratio, estimate_share
from sim.study.paired import check_pairable, paired_values
from sim.world import ledger as books

if TYPE_CHECKING:
    import pandas as pd

WINDOW_DAYS = 28.0  # the state "after n months" is the mean of the four weeks that end there


@dataclass(frozen=True)
class EntryAnswer:
    """What the entry of `entrant` did, `months` after its release, as differences to the market without it.

    Attributes:
        estimates: by name; see `entry_answer`.
        draws: of the catalog's errors.
        clipped_draws: of these, draws in which the cost of an offer could not be inferred from its list price and was
            held at a bound; what they say rests on that bound.
    """

    entrant: str
    teacher: str
    teacher_provider: str
    months: float
    release_day: float
    estimates: dict[str, Estimate]
    draws: int = 1
    clipped_draws: int = 0

    @property
    def sentence(self) -> str:
        """The answer in one sentence, with its intervals."""
        share, profit = self.estimates["entrant_share_of_tokens"], self.estimates["teacher_profit_change"]
        fixed, posted = self.estimates["fixed_quality_price_change"], self.estimates["posted_price_change"]
        return (
            f"{self.months:g} months after its release, {self.entrant} serves {_percent(share)} of all tokens; "
            f"against the same market without it, the cheapest price at a fixed quality changes by "
            f"{_percent(fixed)}, the posted prices of the models it met by {_percent(posted)}, and the profit of "
            f"{self.teacher_provider}, which sells its teacher {self.teacher}, by {_percent(profit)}"
            f"{self._certainty(share)}."
        )

    def _certainty(self, part: Estimate) -> str:
        """What the brackets hold, and on how many draws an inferred cost failed."""
        if self.draws < 2:
            return ""
        failed = f", in {self.clipped_draws} of which a cost could not be inferred" if self.clipped_draws else ""
        return f" (means; brackets: {part.coverage:.0%} of what {self.draws} draws of the models' errors gave{failed})"


def run_entry(
    scenario: Scenario,
    catalog: Catalog,
    seed: int = 0,
    replications: int = 1,
    catalog_draws: int = 0,
    on_run: Callable[[], None] = lambda: None,
    catalog_argument: str | None = None,
) -> tuple[RunResult, RunResult]:
    """The scenario with its entrant and without, on the same random numbers.

    The commands of both results name the `scenario.yaml` that lies in a result's folder, and `catalog_argument`, the
    catalog as seen from there (None for the shipped one).

    Raises:
        InputError: if the scenario names no entrant.
    """
    if scenario.entrant is None:
        raise InputError(
            f"scenario {scenario.name}", "entrant", "nothing", "an offer that a lab releases", "add the field"
        )
    command = command_of("scenario.yaml", seed, replications, catalog_draws, catalog_argument)
    variant = scenario.without_entry(scenario.entrant)
    with_entry = run(scenario, catalog, seed, replications, catalog_draws, on_run, command)
    return with_entry, run(variant, catalog, seed, replications, catalog_draws, on_run, command)


def entry_answer(with_entry: RunResult, without: RunResult, months: float = 12.0) -> EntryAnswer:
    """Read the answer off two paired results.

    Estimates, all over the four weeks that end `months` after the release unless said otherwise:
        entrant_share_of_tokens, entrant_share_of_dollars: fraction.
        posted_price_change, fixed_quality_price_change, price_paid_change: relative change of the index, fraction.
        teacher_profit_change: relative change of the teacher's provider's gross profit since the release, fraction.
        teacher_profit_change_usd, entrant_profit_usd: USD since the release; the entrant's after training and tokens.
        incumbents_profit_change_usd: USD since the release, gross profit of all providers but the entrant's.
        consumer_surplus_change: relative change, fraction.
        margin_change: change of the market's margin, fraction points.
        hhi_tokens_change: change of the concentration, 0 to 1.

    Raises:
        InputError: if the results cannot be paired, or the window lies beyond the horizon.
    """
    check_pairable(without, with_entry)
    scenario = with_entry.scenario
    entrant = scenario.entrant or ""
    owner, release_day = _release(scenario, entrant)
    teacher_model = _teacher(scenario, entrant)
    teacher_offer, teacher_owner = _first_offer(scenario, teacher_model)
    end = release_day + months * DAYS_PER_MONTH
    last = float(with_entry.tables["market"]["day"].max())
    if end > last + 1e-9:
        raise InputError(
            "--months", "", months, f"at most {(last - release_day) / DAYS_PER_MONTH:.1f}", "choose an earlier month"
        )
    window = (max(end - WINDOW_DAYS, release_day), end)
    days = with_entry.tables["market"]["day"]
    if not ((days > window[0] + 1e-9) & (days <= window[1] + 1e-9)).any():
        raise InputError(
            "--months", "", months, f"a month with a report in the {WINDOW_DAYS:g} days before it",
            f"choose a later month, or report more often than every {scenario.report_days:g} days",
        )  # fmt: skip

    def both(column: str) -> tuple[np.ndarray, np.ndarray]:
        return paired_values(
            _mean_over(without.tables["market"], column, window),
            _mean_over(with_entry.tables["market"], column, window),
            column,
        )

    def change(column: str) -> np.ndarray:
        before, after = both(column)
        return after - before

    def ratio(column: str) -> np.ndarray:
        before, after = both(column)
        return after / before

    def profit(provider: str, others: bool = False) -> tuple[np.ndarray, np.ndarray]:
        return paired_values(
            _profit(without.tables, provider, release_day, end, others),
            _profit(with_entry.tables, provider, release_day, end, others),
            "gross_profit_usd",
        )

    teacher_before, teacher_after = profit(teacher_owner)
    others_before, others_after = profit(owner, others=True)
    _, entrant_gross = profit(owner)
    spent = _spent(with_entry.tables, owner, end)
    _, spent_usd = paired_values(spent, spent, "usd")
    found = [
        estimate_share("entrant_share_of_tokens", _entrant_share(with_entry, entrant, "share_of_tokens", window)),
        estimate_share("entrant_share_of_dollars", _entrant_share(with_entry, entrant, "share_of_dollars", window)),
        estimate_ratio("posted_price_change", ratio("posted_price_index")),
        estimate_ratio("fixed_quality_price_change", ratio("fixed_quality_price_index")),
        estimate_ratio("price_paid_change", ratio("price_paid_usd_per_mtok")),
        estimate("teacher_profit_change", "fraction", _relative(teacher_before, teacher_after)),
        estimate("teacher_profit_change_usd", "USD", teacher_after - teacher_before),
        estimate("entrant_profit_usd", "USD", entrant_gross - spent_usd),
        estimate("incumbents_profit_change_usd", "USD", others_after - others_before),
        estimate_ratio("consumer_surplus_change", ratio("consumer_surplus_usd_per_day")),
        estimate("margin_change", "fraction points", change("margin")),
        estimate("hhi_tokens_change", "0 to 1", change("hhi_tokens")),
    ]
    return EntryAnswer(
        entrant=entrant,
        teacher=teacher_offer,
        teacher_provider=teacher_owner,
        months=months,
        release_day=release_day,
        estimates={part.name: part for part in found},
        draws=int(with_entry.tables["offers"]["catalog_draw"].nunique()),
        clipped_draws=int(with_entry.tables["offers"].groupby("catalog_draw")["cost_clipped"].any().sum()),
    )


def _release(scenario: Scenario, entrant: str) -> tuple[str, float]:
    for provider in scenario.providers:
        for release in provider.lab.releases:
            if release.offer == entrant and release.release_day is not None:
                return provider.name, release.release_day
    raise InputError(f"scenario {scenario.name}", "entrant", entrant, "an offer with a release day", "give it a day")


def _teacher(scenario: Scenario, entrant: str) -> str:
    offer = next(offer for offer in scenario.offers if offer.name == entrant)
    model = scenario.model_named(offer.model)
    if isinstance(model, RelativeStudent | TransferredStudent):
        return model.teacher
    for provider in scenario.providers:
        for release in provider.lab.releases:
            if release.offer == entrant and release.teacher_offer is not None:
                return next(other.model for other in scenario.offers if other.name == release.teacher_offer)
    raise InputError(
        f"scenario {scenario.name}",
        "entrant",
        entrant,
        "a student, or a release with teacher_offer",
        "name its teacher",
    )


def _first_offer(scenario: Scenario, model: str) -> tuple[str, str]:
    for provider in scenario.providers:
        for offer in provider.offers:
            if offer.model == model:
                return offer.name, provider.name
    raise InputError(f"scenario {scenario.name}", "providers", model, "an offer of the teacher", "let somebody sell it")


def _mean_over(table: pd.DataFrame, column: str, window: tuple[float, float]) -> pd.DataFrame:
    rows = table[(table["day"] > window[0] + 1e-9) & (table["day"] <= window[1] + 1e-9)]
    return rows.groupby(RUN, as_index=False)[column].mean()


def _entrant_share(result: RunResult, entrant: str, column: str, window: tuple[float, float]) -> np.ndarray:
    shares = result.tables["shares"]
    mine = _mean_over(shares[shares["offer"] == entrant], column, window)
    return paired_values(mine, mine, column)[1]


def _profit(tables: Mapping[str, pd.DataFrame], provider: str, start: float, end: float, others: bool) -> pd.DataFrame:
    """Gross profit of a provider (or of all others), as `sim.metrics.books` defines it."""
    rows = gross_profits(tables["ledger"], start, end)
    mine = (rows["provider"] != provider) if others else (rows["provider"] == provider)
    summed = rows[mine].groupby(RUN, as_index=False)["gross_profit_usd"].sum()
    every = tables["shares"][RUN].drop_duplicates()
    return every.merge(summed, on=RUN, how="left").fillna({"gross_profit_usd": 0.0})


def _spent(tables: Mapping[str, pd.DataFrame], provider: str, end: float) -> pd.DataFrame:
    """What a provider paid, by the books, for what it sells: research, training, tokens bought, what entering cost."""
    ledger, every = tables["ledger"], tables["events"][RUN].drop_duplicates()
    paid = ledger["account"].isin([*RESEARCH, books.FIXED])
    rows = ledger[paid & (ledger["payer"] == provider) & (ledger["day"] <= end)]
    return every.merge(rows.groupby(RUN, as_index=False)["usd"].sum(), on=RUN, how="left").fillna({"usd": 0.0})


def _relative(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(after - before) / |before|; 0 where nothing was earned before."""
    scale = np.abs(before)
    return np.where(scale > 0, (after - before) / np.where(scale > 0, scale, 1.0), 0.0)


def _percent(part: Estimate) -> str:
    return (
        f"{part.value:+.1%} [{part.low:+.1%}, {part.high:+.1%}]"
        if "share" not in part.name
        else (f"{part.value:.1%} [{part.low:.1%}, {part.high:.1%}]")
    )
