"""One market, run once: wires customers, offers and owners, and is the only owner of a simpy environment.

SimPy carries the rare events (releases, price reviews, reports). Between two events the board stands still, and the
customers' demand over that time is computed in one go, by compiled code.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from sim.players.lab import releases
from sim.players.pricing.policies import Owners, within_bounds
from sim.players.revision import changed_fields, kept_parts, revise_board
from sim.scenario.load import later
from sim.scenario.prices import BestResponse, Joint, Posted, Reviewed
from sim.scenario.providers import Distillation, Provider
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.world import ledger as books
from sim.world.census import CensusTaker
from sim.world.customers.demand import Demand
from sim.world.customers.population import make_population
from sim.world.ledger import Ledger
from sim.world.recorder import Recorder
from sim.world.streams import Streams
from sim.world.tables import MARKET_TABLES

if TYPE_CHECKING:
    import pandas as pd

from sim.players.opening import Opening, open_market

ROUNDS_UNTIL_CYCLING = 200  # best responses in a row that moved a price


@dataclass(frozen=True)
class Outcome:
    """What one run leaves: its tables by name, the largest relative imbalance of its books, and counts.

    `tables` maps each name of `MARKET_TABLES` to its frame.
    """

    tables: Mapping[str, pd.DataFrame]
    imbalance: float
    reviews: float
    rows: int


class Market:
    """A scenario, set up for one draw of the catalog and one replication.

    Args:
        scenario: what may happen.
        catalog: the models' abilities, prices and costs.
        seed: entropy of every stream.
        replication: which customers and tastes are drawn.
        catalog_draw: which errors of the catalog are drawn; 0 is the point estimate.
    """

    def __init__(
        self, scenario: Scenario, catalog: Catalog, seed: int = 0, replication: int = 0, catalog_draw: int = 0
    ) -> None:
        self.scenario, self._catalog = scenario, catalog
        self.seed, self.replication, self.catalog_draw = seed, replication, catalog_draw
        self.env = simpy.Environment()
        opening: Opening = open_market(scenario, catalog, seed, catalog_draw)
        self.board, self.beliefs = opening.board, opening.beliefs
        self.recorder = Recorder()
        for row in opening.offer_rows:
            self.recorder.add("offers", *row)
        self.population = make_population(scenario, self.board, Streams(seed, replication))
        self.ledger = Ledger({provider.name: provider.treasury.cash_usd for provider in scenario.providers})
        self._own = {
            provider.name: [j for j, owner in enumerate(self.board.owners) if owner == provider.name]
            for provider in scenario.providers
        }
        self._census = CensusTaker(self.population)
        self._owners = Owners(scenario, self.board, self.beliefs, Streams(seed, replication))
        self._settled_day = 0.0
        self._requests = np.zeros((self.board.class_count, self.board.offer_count))
        self._revenue_usd = np.zeros_like(self._requests)
        self._serving_usd = np.zeros_like(self._requests)
        self._upstream_usd = np.zeros_like(self._requests)
        self._switching_usd = np.zeros(self.board.class_count)
        self._reviews = 0.0
        self._exited: set[str] = set()
        self._released: set[str] = set()
        self._reviewing: dict[str, Reviewed] = {}

    def run(self) -> Outcome:
        """Run to the horizon, check the books and make the tables.

        Raises:
            UnbalancedBooksError: if the books do not balance to 1e-9; an error in this program.
        """
        imbalance = self.play()
        return Outcome(self._tables(), imbalance, self._reviews, self.population.row_count)

    def play(self) -> float:
        """Run to the horizon and check the books, without tables; returns their largest relative imbalance.

        Raises:
            UnbalancedBooksError: if the books do not balance to 1e-9; an error in this program.
        """
        self.population.start(self.board)
        for offer in np.flatnonzero(self.board.wholesale):
            self._record_price(int(offer), "start")
        for offer in np.flatnonzero(self.board.on_sale):
            self._record_price(int(offer), "start")
            self.recorder.add("events", 0.0, "on_sale", self.board.owners[offer], self.board.offers[offer], 0.0, "")
        self._report()
        for provider in self.scenario.providers:
            self.env.process(releases(self.env, provider.lab.releases, self._releaser(provider.name)))
            if self._sells(provider.name):
                self._start_reviews(provider.name)
        self.env.process(self._reports())
        for day, after in later(self.scenario):
            self.env.process(self._intervene(day, after))
        self.env.run(until=self.scenario.horizon_days)
        self._settle()
        if self.scenario.horizon_days > self._last_report_day:
            self._report()
        return self.ledger.check()

    # -- time ---------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Bring demand up to now at the board as it stood since the last event."""
        now = float(self.env.now)
        if now <= self._settled_day:
            return
        demand: Demand = self.population.advance(self.board, self._settled_day, now)
        self.beliefs.advance(self.board, self._settled_day, now)
        self._settled_day = now
        self._requests += demand.requests
        self._revenue_usd += demand.requests * self.board.price_usd
        self._serving_usd += demand.requests * self.board.cost_usd
        self._upstream_usd += demand.requests * self.board.cost_usd[:, self.board.supplier_offer]
        self._switching_usd += demand.switching_usd
        self._reviews += demand.reviews

    def _reports(self) -> Generator[simpy.Event, None, None]:
        count = 1
        while True:
            yield self.env.timeout(max(count * self.scenario.report_days - self.env.now, 0.0))
            self._settle()
            self._report()
            self._exits()
            count += 1

    def _start_reviews(self, name: str, at_once: bool = False) -> None:
        """Let an owner review its prices from now on, unless it does so by this policy already."""
        policy = self._provider(name).price
        if not isinstance(policy, Posted) and self._reviewing.get(name) is not policy:
            self._reviewing[name] = policy
            self.env.process(self._price_reviews(name, policy, 0.0 if at_once else policy.first_review_day))

    def _price_reviews(self, name: str, policy: Reviewed, wait_days: float) -> Generator[simpy.Event, None, None]:
        """The reviews of one owner until it leaves or another policy takes over; the first after `wait_days`."""
        yield self.env.timeout(wait_days)
        moves = 0
        while name not in self._exited and self._provider(name).price is policy:
            self._settle()
            moves = moves + 1 if self._post(name, "review") else 0
            if moves == ROUNDS_UNTIL_CYCLING and isinstance(policy, BestResponse | Joint):
                self.recorder.add("events", float(self.env.now), "cycling", name, "", 0.0, f"{moves} moves")
            yield self.env.timeout(policy.review_days)

    def _releaser(self, name: str) -> Any:
        lab = self._provider(name).lab

        def release(plan: Distillation) -> None:
            if name in self._exited or self._provider(name).lab is not lab:
                return
            self._settle()
            offer = self.board.index(plan.offer)
            self.board.on_sale[offer] = self.scenario.offers[offer].on_sale
            self._released.add(plan.offer)
            self._pay_for(name, plan)
            self._record_price(offer, "release")
            if not isinstance(self._provider(name).price, Posted):
                self._post(name, "release")
                self._start_reviews(name)

        return release

    def _intervene(self, day: float, after: Scenario) -> Generator[simpy.Event, None, None]:
        """On its day the market is that of another scenario; who holds what, prices and cash stay."""
        yield self.env.timeout(day)
        self._settle()
        before, self.scenario = self.scenario, kept_parts(self.scenario, after)
        for line in changed_fields(before, self.scenario):
            self.recorder.add("events", day, "intervention", line.owner, line.offer, 0.0, line.text)
        relisted = revise_board(self.board, before, self.scenario, self._catalog, self.seed, self.catalog_draw)
        self.population.retune(self.scenario)
        self.beliefs.retune(self.scenario)
        self._owners.revise(self.scenario)
        self._withdraw(before, day)
        for offer in relisted:
            self._change_price(offer, self.board.list_price[:, offer].copy(), "intervention")
        for old, new in zip(before.providers, self.scenario.providers, strict=True):
            if new.lab is not old.lab:
                left = tuple(plan for plan in new.lab.releases if plan.offer not in self._released)
                self.env.process(releases(self.env, left, self._releaser(new.name)))
            if new.price is not old.price and self._sells(new.name):
                self._start_reviews(new.name, at_once=True)

    # -- acts ---------------------------------------------------------------------------------------------------

    def _post(self, name: str, cause: str) -> bool:
        """Post what the owner's policy says; returns whether a price moved."""
        moved = False
        for posting in self._owners.review(self._provider(name), float(self.env.now)):
            price = within_bounds(posting.price, self.board.list_price[:, posting.offer])
            moved |= self._change_price(posting.offer, price, cause)
        return moved

    def _change_price(self, offer: int, price: np.ndarray, cause: str) -> bool:
        """Post a price vector (3,), with who notices; returns whether it is another one."""
        if np.array_equal(price, self.board.price[:, offer]):
            return False
        before = self.board.price_usd[:, offer].copy()
        self.board.set_price(offer, price)
        self._record_price(offer, cause)
        rose = self.board.price_usd[:, offer] > before * (1.0 + 1e-9)
        if rose.any():
            day = float(self.env.now)
            self._switching_usd += self.population.notice(self.board, offer, rose, day)
            self.beliefs.notice(self.board, offer, rose, day)
        return True

    def _withdraw(self, before: Scenario, day: float) -> None:
        """Take off sale, or put back, what an intervention says; holders of what is gone choose again at once.

        An offer that a lab has yet to release comes with its release.
        """
        waiting = {plan.offer for part in self.scenario.providers for plan in part.lab.releases} - self._released
        for offer, (old, new) in enumerate(zip(before.offers, self.scenario.offers, strict=True)):
            if old.on_sale != new.on_sale and new.name not in waiting and self.board.owners[offer] not in self._exited:
                # With an offer at wholesale goes, or comes back, what others resell of it.
                sold = np.flatnonzero(self.board.supplier_offer == offer) if new.wholesale else [offer]
                self.board.on_sale[sold] = new.on_sale
                for resumed in sold if new.on_sale else ():
                    self._record_price(int(resumed), "intervention")
                    self._start_reviews(self.board.owners[resumed])
        self.population.withdraw(self.board, day)
        self.beliefs.withdraw(self.board, day)

    def _pay_for(self, name: str, plan: Distillation) -> None:
        day = float(self.env.now)
        spent = plan.training_cost_usd
        if plan.training_cost_usd:
            self.ledger.post(day, books.TRAINING, name, books.COMPUTE, plan.training_cost_usd, "", plan.offer)
            self.ledger.spend(name, plan.training_cost_usd)
        detail = "own teacher"
        if plan.teacher_offer is not None and plan.teacher_output_mtok:
            teacher = self.board.index(plan.teacher_offer)
            seller = self.board.owners[teacher]
            usd = float(plan.teacher_output_mtok * self.board.price[2, teacher])
            self.ledger.post(
                day, books.TEACHER_TOKENS, name, seller, usd, "", plan.teacher_offer, 0.0,
                plan.teacher_output_mtok,
            )  # fmt: skip
            self.ledger.spend(name, usd)
            self.ledger.receive(seller, usd)
            serving = float(plan.teacher_output_mtok * self.board.cost[2, teacher])
            self.ledger.post(day, books.SERVING, seller, books.COMPUTE, serving, "", plan.teacher_offer, 0.0, 0.0)
            self.ledger.spend(seller, serving)
            spent += usd
            detail = f"{plan.teacher_output_mtok:g} Mtok bought from {plan.teacher_offer}"
        self.recorder.add("events", day, "release", name, plan.offer, spent, detail)

    def _exits(self) -> None:
        """A provider whose cash is below its credit limit leaves; its customers choose again at once."""
        for provider in self.scenario.providers:
            cash = self.ledger.cash_usd(provider.name)
            if provider.name in self._exited or cash >= -provider.treasury.credit_limit_usd:
                continue
            self._exited.add(provider.name)
            # With a supplier goes what others resold of it.
            self.board.on_sale[self._own[provider.name]] = False
            self.board.on_sale[np.isin(self.board.supplier_offer, self._own[provider.name])] = False
            self.population.withdraw(self.board, float(self.env.now))
            self.beliefs.withdraw(self.board, float(self.env.now))
            self.recorder.add("events", float(self.env.now), "exit", provider.name, "", 0.0, f"cash {cash:.0f} USD")

    # -- records ------------------------------------------------------------------------------------------------

    def _record_price(self, offer: int, cause: str) -> None:
        price = self.board.price[:, offer]
        self.recorder.add(
            "prices", float(self.env.now), self.board.offers[offer], self.board.owners[offer],
            float(price[0]), float(price[1]), float(price[2]), cause,
        )  # fmt: skip

    def _report(self) -> None:
        """Close the interval: rows of the tables, entries in the books, cash."""
        day, board = float(self.env.now), self.board
        self._last_report_day = day
        occupancy = self.population.occupancy()
        share = occupancy[:, 1:] / occupancy.sum(axis=1, keepdims=True)
        mtok = board.tokens.sum(axis=1)
        surplus = self.population.surplus_usd_per_day(board)
        for c, task in enumerate(board.classes):
            for j in range(board.offer_count):
                requests = float(self._requests[c, j])
                if not board.on_sale[j] and requests == 0.0:
                    continue
                revenue, serving = float(self._revenue_usd[c, j]), float(self._serving_usd[c, j])
                tokens = requests * board.tokens[c]
                self.recorder.add(
                    "demand", day, task, board.offers[j], board.owners[j], requests, float(tokens[0]),
                    float(tokens[1]), float(tokens[2]), revenue, serving, float(share[c, j]),
                )  # fmt: skip
                if requests:
                    owner, sold = board.owners[j], requests * float(mtok[c])
                    self.ledger.post(
                        day, books.RETAIL, books.CUSTOMERS, owner, revenue, task, board.offers[j], requests, sold
                    )
                    self.ledger.receive(owner, revenue)
                    self._serve(day, c, j, requests, serving)
            switching = float(self._switching_usd[c])
            self.recorder.add("welfare", day, task, float(surplus[c]), switching)
            if switching:
                self.ledger.post(day, books.SWITCHING, books.CUSTOMERS, books.DEADWEIGHT, switching, task)
        self._census.record(self.recorder, board, day)
        for name in self.ledger.opening_usd:
            self.recorder.add("treasury", day, name, float(self.ledger.cash_usd(name)))
        self._requests[:] = 0.0
        self._revenue_usd[:] = 0.0
        self._serving_usd[:] = 0.0
        self._upstream_usd[:] = 0.0
        self._switching_usd[:] = 0.0

    def _serve(self, day: float, c: int, j: int, requests: float, usd: float) -> None:
        """What serving cost: paid for compute, or to a supplier, who then pays for the compute."""
        board, task, payer = self.board, self.board.classes[c], self.board.owners[j]
        mtok = float((requests * board.tokens[c]).sum())
        if board.supplier_offer[j] >= 0:
            supplier = int(board.supplier_offer[j])
            seller = board.owners[supplier]
            self.ledger.post(day, books.WHOLESALE, payer, seller, usd, task, board.offers[supplier], requests, mtok)
            self.ledger.spend(payer, usd)
            self.ledger.receive(seller, usd)
            payer, usd = seller, float(self._upstream_usd[c, j])
        self.ledger.post(day, books.SERVING, payer, books.COMPUTE, usd, task, board.offers[j], requests, mtok)
        self.ledger.spend(payer, usd)

    def _tables(self) -> dict[str, pd.DataFrame]:
        import pandas as pd

        tables = {}
        for spec in MARKET_TABLES:
            if spec.name == "ledger":
                frame = self.ledger.frame()
            else:
                names = spec.column_names[2:]
                frame = pd.DataFrame(self.recorder.rows[spec.name], columns=names)
            frame.insert(0, "catalog_draw", self.catalog_draw)
            frame.insert(1, "replication", self.replication)
            tables[spec.name] = spec.conform(frame, spec.name)
        return tables

    def _sells(self, name: str) -> bool:
        return any(self.board.on_sale[offer] or self.board.sells_wholesale(offer) for offer in self._own[name])

    def _provider(self, name: str) -> Provider:
        """The provider as the scenario has it now."""
        return next(provider for provider in self.scenario.providers if provider.name == name)
