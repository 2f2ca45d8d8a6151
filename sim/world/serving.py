"""Fleets as they stand: what serving a token costs there, what is served and refused, how long requests wait, the rent.

    cost of a token  = rent / (tokens/s of a replica * planned utilisation)           (sim.shared.roofline)
    work of request  = (input + r * cached)/prefill speed + output/decode speed        replica-seconds, r = CACHED_RATIO
    offered          = sum of requests * work / time                                   replicas busy, were all served
    served share     = min(1, admitted utilisation * replicas / offered)
    wait             = of M/M/c with c = replicas * batch places, each busy for batch * work with a request

The roofline's decode step reads the touched parameters once for the whole batch, so that a written token costs about
a*active + b*total/batch for a mixture of experts: arithmetic by the active parameters, memory by all of them, shared.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim.scenario.fleet import Fleet, ModelShape
from sim.scenario.prices import FleetCost
from sim.scenario.scenario import Scenario
from sim.shared import roofline
from sim.shared.hardware import accelerator, rent_at
from sim.shared.units import SECONDS_PER_HOUR, TOKENS_PER_MTOK
from sim.theory.queue import waiting
from sim.world.board import Board
from sim.world.models import CACHED_RATIO, Vector

SECONDS_PER_DAY = 24.0 * SECONDS_PER_HOUR
LEAST_WAIT_S = 1e-9  # nobody notices less, and its last digits would move choices
_ROUNDING = 1e-9  # of a place: what rounding takes from a whole number of them


def device_rent_usd_per_hour(fleet: Fleet, at: datetime.date) -> float:
    """The rent of one device: stated, or the cheapest known at the date.

    Raises:
        InputError: if none is known.
    """
    return fleet.rent_usd_per_hour or rent_at(fleet.accelerator, at).usd_per_hour


def fleet_cost(fleet: Fleet, shape: ModelShape, at: datetime.date) -> Vector:
    """USD per Mtok read, read from cache and written, at the fleet's planned utilisation."""
    read, written = roofline.serving_cost_usd_per_mtok(
        _shape(shape), accelerator(fleet.accelerator), _serving(fleet), device_rent_usd_per_hour(fleet, at)
    )
    return Vector(read, CACHED_RATIO * read, written)


def work_s(fleet: Fleet, shape: ModelShape, mtok: np.ndarray) -> np.ndarray:
    """Replica-seconds of requests of `mtok` (C, 3), Mtok by kind; shape (C,)."""
    device, serving, model = accelerator(fleet.accelerator), _serving(fleet), _shape(shape)
    prefill = roofline.prefill_tokens_per_s(model, device, serving)
    decode = roofline.decode_tokens_per_s(model, device, serving)
    read = mtok[:, 0] + CACHED_RATIO * mtok[:, 1]
    return np.asarray((read / prefill + mtok[:, 2] / decode) * TOKENS_PER_MTOK)


def fits_in_memory(fleet: Fleet, shape: ModelShape) -> bool:
    """Whether a replica holds the model and the keys and values of its batch."""
    return roofline.fits(_shape(shape), accelerator(fleet.accelerator), _serving(fleet))


def _shape(part: ModelShape) -> roofline.Shape:
    return roofline.Shape(
        part.active_params, part.total_params, part.layers, part.kv_bytes_per_token, part.bytes_per_param
    )


def _serving(fleet: Fleet) -> roofline.Serving:
    return roofline.Serving(fleet.batch, fleet.context_tokens, fleet.utilisation, fleet.accelerators_per_replica)


@dataclass
class FleetState:
    """One provider's fleet.

    Attributes:
        fleet: what the scenario says of it now.
        rent_usd_per_day: of one replica.
        work_s: replica-seconds of a request by class and offer, 0 for what is served elsewhere; shape (C, J).
        replicas: installed, outages included; None without bound.
        on_order: replicas that are yet to arrive.
        lost: share that each outage in course takes, by its number.
        load: replicas' work offered, as a mean since `refresh` saw it last; known from the first one on.
        utilisation: of the replicas that work, by what was admitted at the last refresh.
        bulk_work_s: replica-seconds of a million output tokens taken in bulk, by offer, 0 for what is served elsewhere;
            shape (J,).
    """

    provider: str
    fleet: Fleet
    rent_usd_per_day: float
    work_s: np.ndarray
    replicas: int | None
    on_order: int = 0
    lost: dict[int, float] = field(default_factory=dict)
    load: float = 0.0
    mean_work_s: float = 0.0
    utilisation: float = 0.0
    delay_s: float = 0.0
    replica_days: float = 0.0
    requests: float = 0.0
    days: float = 0.0
    rent_usd: float = 0.0
    bulk_work_s: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def working(self) -> float:
        """Replicas that work, as whole places of a batch; infinite without bound."""
        if self.replicas is None:
            return float("inf")
        left = float(self.replicas)
        for share in self.lost.values():
            left *= 1.0 - share
        return np.floor(left * self.fleet.batch + _ROUNDING) / self.fleet.batch

    def served_share(self, load: float) -> float:
        """Share of the offered work, in replicas, that is admitted."""
        room = self.fleet.admit_utilisation * self.working
        return 1.0 if load <= room else room / load

    def wait_s(self) -> float:
        """Mean wait of the requests offered, those included that are refused and gave up; at the last known load."""
        if self.load <= 0.0 or np.isinf(self.working):
            self.utilisation = 0.0
            return 0.0
        served = self.served_share(self.load)
        self.utilisation = served * self.load / self.working if self.working else 0.0
        if not served:
            return self.fleet.give_up_s
        places = round(self.working * self.fleet.batch)
        busy_s = self.fleet.batch * self.mean_work_s
        mean = busy_s * waiting(served * self.load * self.fleet.batch, 1.0, places).mean
        return served * min(mean, self.fleet.give_up_s) + (1.0 - served) * self.fleet.give_up_s


@dataclass
class BulkFlow:
    """Output tokens that somebody takes of an offer at an even pace, with customers and as they are served or refused.

    Attributes:
        mtok_per_day: asked for, in millions.
        served_mtok: of what was asked for so far, in millions.
        share: served in the interval that was settled last.
    """

    offer: int
    mtok_per_day: float
    requests_per_day: float
    served_mtok: float = 0.0
    share: float = 1.0


@dataclass(frozen=True)
class ClosedInterval:
    """What the fleets leave of an interval.

    Attributes:
        rows: of the table `fleet`, without their day.
        rent_usd: due by provider.
        rent_by_use_usd: the same laid on classes and offers by the work that they took, shape (C, J); the part of what
            was taken in bulk is left out, as what it brought is no customer's payment either.
    """

    rows: list[tuple[Any, ...]]
    rent_usd: dict[str, float]
    rent_by_use_usd: np.ndarray


class Serving:
    """All fleets of a market, as the floor meets them.

    Args:
        scenario: what the fleets are.
        board: what is on sale; fleets write `delay_s`.
        stands: whether a provider's fleet is there, and its rent runs.
    """

    def __init__(self, scenario: Scenario, board: Board, stands: Callable[[str], bool]) -> None:
        self._board, self._stands = board, stands
        self.states: dict[str, FleetState] = {}
        self._owed_usd: dict[str, float] = {}  # rent of fleets that were given up within the interval
        shape = (board.class_count, board.offer_count)
        self._offered, self._refused, self._work = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._flows: list[BulkFlow] = []
        # Of bulk use in the interval, by offer: millions of tokens asked for and refused, replica-seconds served.
        self._bulk_offered, self._bulk_refused, self._bulk_work = (np.zeros(board.offer_count) for _ in range(3))
        self._paid_by_rent = np.zeros(board.offer_count, dtype=bool)
        self.revise(scenario)

    def revise(self, scenario: Scenario) -> None:
        """The fleets of another scenario from now on; what is installed, on order or out stays.

        Another number of replicas in the scenario adds the difference, or takes it away.
        """
        board = self._board
        models = {model.name: model.shape for model in scenario.models}
        self._paid_by_rent[:] = False
        kept: dict[str, FleetState] = {}
        for provider in scenario.providers:
            fleet = provider.fleet
            if fleet is None:
                continue
            work, bulk = np.zeros((board.class_count, board.offer_count)), np.zeros(board.offer_count)
            for offer in provider.offers:
                shape = models[offer.model]
                if isinstance(offer.cost, FleetCost) and shape is not None:
                    at = board.index(offer.name)
                    served = [at, *np.flatnonzero(board.supplier_offer == at)]
                    work[:, served] = work_s(fleet, shape, board.tokens)[:, None]
                    bulk[served] = work_s(fleet, shape, np.array([[0.0, 0.0, 1.0]]))[0]
                    self._paid_by_rent[at] = fleet.rented
            day_usd = device_rent_usd_per_hour(fleet, scenario.starts_on) * 24.0 * fleet.accelerators_per_replica
            rent = day_usd if fleet.rented else 0.0
            state = self.states.get(provider.name)
            if state is None:
                state = FleetState(provider.name, fleet, rent, work, fleet.replicas)
            else:
                before = state.fleet.replicas
                if fleet.replicas is None or state.replicas is None or before is None:
                    state.replicas = fleet.replicas
                else:
                    state.replicas = max(state.replicas + fleet.replicas - before, 0)
                state.fleet, state.rent_usd_per_day, state.work_s = fleet, rent, work
            state.bulk_work_s = bulk
            kept[provider.name] = state
        for name, state in self.states.items():
            if name not in kept and state.rent_usd:
                self._owed_usd[name] = self._owed_usd.get(name, 0.0) + state.rent_usd
        self.states = kept
        self.refresh()

    # -- demand -------------------------------------------------------------------------------------------------

    def serves(self, offer: int) -> bool:
        """Whether a fleet serves the offer."""
        return any(state.bulk_work_s[offer] > 0.0 for state in self.states.values())

    def begin(self, offer: int, mtok_per_day: float, requests_per_day: float) -> BulkFlow:
        """Bulk use from now on, until its `end`; the caller has settled."""
        flow = BulkFlow(offer, mtok_per_day, requests_per_day)
        self._flows.append(flow)
        return flow

    def end(self, flow: BulkFlow) -> None:
        """No more of this bulk use; the caller has settled."""
        self._flows = [other for other in self._flows if other is not flow]

    def serve(self, requests: np.ndarray, days: float) -> np.ndarray:
        """What of the requests of some days (C, J) is served, (C, J); the rest is refused. Rent runs.

        Bulk use under way is demand like any other: it is served and refused in the same proportion.
        """
        served = requests.copy()
        for flow in self._flows:
            flow.share = 1.0
        for state in self.states.values():
            on = state.work_s > 0.0
            work = requests * state.work_s
            bulk = [(flow, flow.mtok_per_day * days) for flow in self._flows if state.bulk_work_s[flow.offer] > 0.0]
            total = float(work.sum()) + sum(mtok * state.bulk_work_s[flow.offer] for flow, mtok in bulk)
            share = state.served_share(total / (days * SECONDS_PER_DAY))
            if share < 1.0:
                served[on] *= share
            state.replica_days += total / SECONDS_PER_DAY
            state.requests += float(requests[on].sum()) + sum(flow.requests_per_day * days for flow, _ in bulk)
            state.days += days
            if self._stands(state.provider):
                state.rent_usd += days * state.rent_usd_per_day * (state.replicas or 0)
            self._offered[on] += requests[on]
            self._refused[on] += requests[on] - served[on]
            self._work += served * state.work_s
            for flow, mtok in bulk:
                flow.share = share
                self._bulk_offered[flow.offer] += mtok
                self._bulk_refused[flow.offer] += mtok * (1.0 - share)
                self._bulk_work[flow.offer] += share * mtok * state.bulk_work_s[flow.offer]
        for flow in self._flows:
            flow.served_mtok += flow.share * flow.mtok_per_day * days
        return served

    def rent_pays(self, payer: str, offer: str) -> bool:
        """Whether the payer serves the offer of that name on a rented fleet of its own."""
        index = self._board.index(offer)
        return bool(self._paid_by_rent[index]) and self._board.owners[index] == payer

    def paid_cost_usd(self) -> np.ndarray:
        """USD per request that serving is paid with, (C, J): the board's cost, 0 where the rent pays for it."""
        return np.where(self._paid_by_rent, 0.0, self._board.cost_usd)

    def refresh(self) -> None:
        """Take the load since the last refresh as what is expected; write what it means for waits and refusals."""
        self._board.delay_s[:] = 0.0
        self._board.full_share[:] = 0.0
        for state in self.states.values():
            if state.days > 0.0:
                state.load = state.replica_days / state.days
                state.mean_work_s = state.replica_days * SECONDS_PER_DAY / state.requests if state.requests else 0.0
                state.replica_days = state.requests = state.days = 0.0
            wait_s = state.wait_s()
            state.delay_s = wait_s if wait_s >= LEAST_WAIT_S else 0.0
            on = (state.work_s > 0.0).any(axis=0)
            self._board.delay_s[on] = state.delay_s
            self._board.full_share[on] = 1.0 - state.served_share(state.load)

    # -- reports ------------------------------------------------------------------------------------------------

    def close(self) -> ClosedInterval:
        """End the interval; the rent of an idle fleet is laid equally on what is on sale."""
        rows: list[tuple[Any, ...]] = []
        due, self._owed_usd = self._owed_usd, {}
        by_use = np.zeros_like(self._work)
        mtok = self._board.tokens.sum(axis=1)
        for state in self.states.values():
            on = state.work_s > 0.0
            weight = np.where(on, self._work, 0.0)
            bulk = np.where(on.any(axis=0), self._bulk_work, 0.0)
            if not weight.any() and not bulk.any():
                weight = np.where(on & self._board.on_sale, 1.0, 0.0)
            whole = weight.sum() + bulk.sum()
            if state.rent_usd:
                due[state.provider] = due.get(state.provider, 0.0) + state.rent_usd
                if weight.any():
                    by_use += state.rent_usd * weight / whole
            for j in np.flatnonzero(on.any(axis=0)):
                offered = float(mtok @ self._offered[:, j]) + float(self._bulk_offered[j])
                refused = float(mtok @ self._refused[:, j]) + float(self._bulk_refused[j])
                rent = state.rent_usd * float((weight[:, j].sum() + bulk[j]) / whole) if whole else 0.0
                rows.append(
                    (
                        state.provider, self._board.offers[j], float(state.replicas or 0), float(state.on_order),
                        self._out(state), self._tokens_per_s(state, int(j)), state.utilisation, state.delay_s,
                        offered, offered - refused, refused, rent,
                    )
                )  # fmt: skip
            state.rent_usd = 0.0
        self._offered[:] = 0.0
        self._refused[:] = 0.0
        self._work[:] = 0.0
        self._bulk_offered[:] = self._bulk_refused[:] = self._bulk_work[:] = 0.0
        return ClosedInterval(rows, due, by_use)

    def _out(self, state: FleetState) -> float:
        return 0.0 if state.replicas is None else float(state.replicas - state.working)

    def _tokens_per_s(self, state: FleetState, offer: int) -> float:
        """Tokens of all kinds that the working replicas could serve a second of this offer, in the interval's mix.

        Where nothing was asked for, in equal numbers of requests of every class; 0 without bound.
        """
        if np.isinf(state.working):
            return 0.0
        asked = self._offered[:, offer] if self._offered[:, offer].any() else np.ones(self._board.class_count)
        tokens = float(asked @ self._board.tokens.sum(axis=1)) * TOKENS_PER_MTOK
        return state.working * tokens / float(asked @ state.work_s[:, offer])
