"""Elasticities, diversion and the pressure that a merger puts on prices, from what owners expect of demand.

Demand q_ck (requests of class c at offer k, per day) is what beliefs expect to be asked for and served if every
customer reviewed once, from what each holds and with the cost of switching; a rise is not noticed earlier than a cut.
What an access policy or a full fleet refuses is not in it: nothing is diverted to who cannot serve it. The price of
offer j moves as a whole, by its level l_j, and q is differentiated by small changes of ln(l_j) to both sides:

    elasticity e_jk = d ln(q_k) / d ln(l_j)            own for k = j, cross otherwise
    diversion  D_jk = -(d q_k / d l_j) / (d q_j / d l_j)         of what j loses, the part that k gains
    to none    D_j0 = 1 - sum of D_jk over all other offers on sale: those who stop, and who ask for less

by class in requests, and over all classes ("all") in tokens; what others gain may exceed what is lost, and D_j0 be
negative, where customers ask more of what is cheaper. With plain logit demand of one class, taste mu and shares
s: e_jj = -(1-s_j) p_j/mu, e_jk = s_j p_j/mu, D_jk = s_k/(1-s_j).

Upward pricing pressure of a merger of owners A and B (Farrell and Shapiro, "Antitrust Evaluation of Horizontal Mergers:
An Economic Alternative to Market Definition", The B.E. Journal of Theoretical Economics 10(1), 2010), for offer j of A,

    UPP_j   = sum over offers k of B of D_jk (p_k - c_k) - E c_j
    GUPPI_j = the same without E, over p_j                              (Salop and Moresi 2009)

with E the saving of marginal cost credited to the merger. An offer sold in several classes loses and diverts in all of
them at once: terms are summed over classes before dividing, so GUPPI is value diverted over revenue lost, and UPP is
given in USD per Mtok lost. It is the first reaction alone: no new equilibrium, no entry; a positive UPP says that the
merged owner would raise the price. Of an owner and its supplier at wholesale it says nothing, and is not given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.market import Market
from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.players.pricing.best_response import posted_level
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.shared.tables import Column, TableSpec
from sim.world.board import Board

if TYPE_CHECKING:
    import pandas as pd

STEP = 1e-4  # of the log level, to either side
EFFICIENCY = 0.1  # E by default, the saving that is usually credited
ALL, NONE = "all", "none"

ELASTICITIES = TableSpec(
    "elasticities",
    "how one offer's price moves the demand of one offer, or of none, in one task class",
    (
        Column("task_class", "text", "", "kind of work, in requests; 'all' for all classes, in tokens"),
        Column("moved", "text", "", "the offer whose price moves"),
        Column("demanded", "text", "", "the offer whose demand answers; 'none' for using no model or less of one"),
        Column("elasticity", "number", "ratio", "change of demand over change of price, in logs", missing=True),
        Column("diversion", "number", "fraction", "of what the moved offer loses; none for itself", missing=True),
    ),
)

MERGERS = TableSpec(
    "mergers",
    "pricing pressure on one offer if its owner merged with another",
    (
        Column("owner", "text", "", "who sells the offer"),
        Column("partner", "text", "", "with whom it would merge"),
        Column("offer", "text", "", "the offer"),
        Column("diversion", "number", "fraction", "of the tokens it loses, the part that the partner gains"),
        Column("guppi", "number", "fraction", "value diverted to the partner over revenue lost"),
        Column("upp_usd_per_mtok", "number", "USD per Mtok", "value diverted less the saving, per Mtok lost"),
        Column("efficiency", "number", "fraction", "saving of marginal cost credited to the merger"),
    ),
)


@dataclass(frozen=True)
class Position:
    """A market as it stands on a day: what is on the board, and what owners believe."""

    board: Board
    beliefs: Beliefs


@dataclass(frozen=True)
class Responses:
    """Expected demand at the posted prices and its slopes.

    Attributes:
        demand: requests per day that are expected to be served, shape (C, J).
        slope: derivative of demand[c, k] in ln(level of j), requests per day, shape (C, J, J) as [c, j, k]; 0 for
            offers that are not on sale.
    """

    demand: np.ndarray
    slope: np.ndarray


def position(scenario: Scenario, catalog: Catalog, day: float = 0.0, seed: int = 0) -> Position:
    """The market at the beginning of `day`, before that day's reviews and interventions; replication 0, no draw.

    Raises:
        InputError: for a day outside of the scenario, or a catalog that lacks what it needs.
    """
    if not 0.0 <= day <= scenario.horizon_days:
        allowed = f"0 to {scenario.horizon_days:g}, the scenario's days"
        raise InputError("--day", "", day, allowed, "choose a day within")
    if day == 0.0:
        market = Market(scenario, catalog, seed)
    else:
        past = tuple(part for part in scenario.interventions if part.day < day)
        market = Market(scenario.model_copy(update={"horizon_days": day, "interventions": past}), catalog, seed)
        market.play()
    return Position(market.board, market.beliefs)


def responses(at: Position) -> Responses:
    """Demand and slopes of every offer on sale; the board is left as it was."""
    board, beliefs = at.board, at.beliefs
    demand = np.zeros((board.class_count, board.offer_count))
    slope = np.zeros((board.class_count, board.offer_count, board.offer_count))
    on_sale = np.flatnonzero(board.on_sale)
    for moved in on_sale:
        levels = posted_level(board, int(moved)) * np.exp(np.array([-STEP, 0.0, STEP]))
        for offer in on_sale:
            for task in range(board.class_count):
                asked = _requests(board, beliefs, task, int(offer), int(moved), levels)
                demand[task, offer] = asked[1]
                slope[task, moved, offer] = (asked[2] - asked[0]) / (2.0 * STEP)
    return Responses(demand, slope)


def _requests(board: Board, beliefs: Beliefs, task: int, offer: int, moved: int, levels: np.ndarray) -> np.ndarray:
    """Requests per day of one class at one offer, at each level of `moved`, shape (L,).

    Beliefs tell profits. Profit falls by a request's worth for each USD that a request of that class costs more.
    """
    own = np.zeros(board.offer_count, dtype=bool)
    own[offer] = True
    saved = board.cost_usd.copy()
    unit = float(board.price_usd[task, offer]) or 1.0
    try:
        # Other classes bring nothing at the posted price, so that their money does not drown this one's in rounding.
        board.cost_usd[:] = board.price_usd
        dear = beliefs.profit_usd(board, own, moved, levels, Outlook(None), smooth=True)
        board.cost_usd[task, offer] -= unit
        cheap = beliefs.profit_usd(board, own, moved, levels, Outlook(None), smooth=True)
    finally:
        board.cost_usd[:] = saved
    return (cheap - dear) / unit


def elasticities(at: Position, found: Responses) -> pd.DataFrame:
    """The table `elasticities`: by class, and over all classes."""
    import pandas as pd

    board, on_sale = at.board, np.flatnonzero(at.board.on_sale)
    mtok = board.tokens.sum(axis=1)
    kinds = [(name, found.demand[c], found.slope[c]) for c, name in enumerate(board.classes)]
    kinds.append((ALL, mtok @ found.demand, np.tensordot(mtok, found.slope, axes=1)))
    rows = []
    for name, demand, slope in kinds:
        for moved in on_sale:
            lost = -float(slope[moved, moved])
            gained = 0.0
            for offer in on_sale:
                diversion = math.nan
                if offer != moved:
                    diversion = _over(float(slope[moved, offer]), lost)
                    gained += float(slope[moved, offer])
                elasticity = _over(float(slope[moved, offer]), float(demand[offer]))
                rows.append((name, board.offers[moved], board.offers[offer], elasticity, diversion))
            rows.append((name, board.offers[moved], NONE, math.nan, _over(lost - gained, lost)))
    return ELASTICITIES.conform(pd.DataFrame(rows, columns=ELASTICITIES.column_names), "elasticities")


def mergers(
    at: Position, found: Responses, pairs: list[tuple[str, str]] | None = None, efficiency: float = EFFICIENCY
) -> pd.DataFrame:
    """The table `mergers`: pressure on every offer on sale of both owners of each pair; by default of all pairs.

    Offers that lose no tokens at a higher price are left out: nothing is diverted.

    Raises:
        InputError: for a name that sells nothing, an owner with its supplier, or a saving outside of 0 to 1.
    """
    import pandas as pd

    board = at.board
    sellers = sorted({board.owners[j] for j in np.flatnonzero(board.on_sale)})
    if not 0.0 <= efficiency <= 1.0:
        raise InputError("--efficiency", "", efficiency, "a fraction from 0 to 1", "correct the option")
    supplied = _supplied(board)
    if pairs is None:
        every = [(one, other) for one in sellers for other in sellers if one < other]
        pairs = [pair for pair in every if frozenset(pair) not in supplied]
    for one, other in pairs:
        for name in (one, other):
            if name not in sellers or one == other:
                raise InputError(
                    "--merge", "", f"{one},{other}", f"two of {', '.join(sellers)}", "name two owners of offers on sale"
                )
        if frozenset((one, other)) in supplied:
            allowed = "two owners of which neither supplies the other"
            raise InputError("--merge", "", f"{one},{other}", allowed, "name others: this pressure is of rivals alone")
    both_ways = [pair for one, other in pairs for pair in ((one, other), (other, one))]
    rows = [row for owner, partner in both_ways for row in _pressure(board, found, owner, partner, efficiency)]
    return MERGERS.conform(pd.DataFrame(rows, columns=MERGERS.column_names), "mergers")


def _supplied(board: Board) -> set[frozenset[str]]:
    """Pairs of owners of which one serves at wholesale what the other has on sale."""
    resold = np.flatnonzero(board.on_sale & (board.supplier_offer >= 0))
    return {frozenset((board.owners[j], board.owners[board.supplier_offer[j]])) for j in resold}


def _pressure(
    board: Board, found: Responses, owner: str, partner: str, efficiency: float
) -> list[tuple[str, str, str, float, float, float, float]]:
    margin_usd, mtok = board.price_usd - board.cost_usd, board.tokens.sum(axis=1)
    theirs = board.on_sale & np.array([name == partner for name in board.owners])
    rows = []
    for j in np.flatnonzero(board.on_sale):
        if board.owners[j] != owner:
            continue
        lost, gained = -found.slope[:, j, j], found.slope[:, j, :] * theirs
        lost_mtok = float(mtok @ lost)
        if lost_mtok <= 0.0:
            continue
        diverted_usd = float((gained * margin_usd).sum())
        saved_usd = efficiency * float(lost @ board.cost_usd[:, j])
        rows.append(
            (
                owner, partner, board.offers[j], float(mtok @ gained.sum(axis=1)) / lost_mtok,
                diverted_usd / float(lost @ board.price_usd[:, j]), (diverted_usd - saved_usd) / lost_mtok, efficiency,
            )
        )  # fmt: skip
    return rows


def _over(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
