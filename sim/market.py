"""One market, run once: puts the players on the floor, and is the only owner of a simpy environment.

SimPy carries the rare events (releases, price reviews, reports). Between two events the board stands still, and the
customers' demand over that time is computed in one go, by compiled code.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import simpy

from sim.players.development import Development
from sim.players.entry import Entry
from sim.players.fleet import Fleets
from sim.players.forward_entry import ForwardEntrants
from sim.players.lab import Labs
from sim.players.make_or_buy import MakersOrBuyers
from sim.players.opening import Opening, open_market
from sim.players.pricing.foresight import Foresight
from sim.players.pricing.policies import Owners
from sim.players.pricing.reviews import PriceReviews
from sim.players.reseller import Resellers
from sim.players.revision import changed_fields, kept_parts, revise_board, touches_demand
from sim.players.treasury import Treasuries
from sim.scenario.load import later
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.world.customers.population import make_population
from sim.world.distillation import read_published
from sim.world.floor import Floor
from sim.world.streams import Streams
from sim.world.tables import MARKET_TABLES

if TYPE_CHECKING:
    import pandas as pd


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
        catalog_draw: which errors of the catalog and of measured curves are drawn; 0 is the point estimate.

    Raises:
        InputError: if the catalog, or the table of measured curves, lacks what the scenario asks of it.
    """

    def __init__(
        self, scenario: Scenario, catalog: Catalog, seed: int = 0, replication: int = 0, catalog_draw: int = 0
    ) -> None:
        self.scenario, self._catalog = scenario, catalog
        self._later = later(scenario)
        published = read_published([scenario, *(after for _, after in self._later)], catalog_draw)
        self.seed, self.replication, self.catalog_draw = seed, replication, catalog_draw
        streams = Streams(seed, replication)
        opening: Opening = open_market(scenario, catalog, seed, catalog_draw)
        self.board, self.beliefs = opening.board, opening.beliefs
        self.population = make_population(scenario, self.board, streams)
        opening_usd = {provider.name: provider.treasury.cash_usd for provider in scenario.providers}
        self.floor = Floor(simpy.Environment(), self.board, self.population, self.beliefs, opening_usd)
        self.env, self.ledger, self.recorder = self.floor.env, self.floor.ledger, self.floor.recorder
        for row in opening.offer_rows:
            self.recorder.add("offers", *row)
        self._owners = Owners(scenario, self.board, self.beliefs, streams)
        self._reviews = PriceReviews(self.floor, self._owners, scenario)
        self._labs = Labs(self.floor, self._reviews.after_release)
        self._fleets = Fleets(self.floor, scenario, streams)
        self._treasuries = Treasuries(self.floor)
        foresight = Foresight(self.board, self.beliefs, self._owners, scenario)
        self._entry = Entry(self.floor, foresight, scenario, self._reviews.after_release)
        self._resellers = Resellers(self.floor, self.beliefs, scenario, self._reviews.reprice)
        chain = (self.floor, self.beliefs, self._resellers, scenario, self._reviews.after_release)
        self._makers, self._entrants = MakersOrBuyers(*chain), ForwardEntrants(*chain)
        self._development = Development(self.floor, self.beliefs, streams, self._reviews.after_release, published)

    def run(self) -> Outcome:
        """Run to the horizon, check the books and make the tables.

        Raises:
            UnbalancedBooksError: if the books do not balance to 1e-9; an error in this program.
        """
        imbalance = self.play()
        return Outcome(self._tables(), imbalance, self.floor.reviews, self.population.row_count)

    def play(self) -> float:
        """Run to the horizon and check the books, without tables; returns their largest relative imbalance.

        Raises:
            UnbalancedBooksError: if the books do not balance to 1e-9; an error in this program.
        """
        self._development.plan(self.scenario)
        self.floor.open()
        for provider in self.scenario.providers:
            self._labs.plan([provider])
            if self.floor.sells(provider.name):
                self._reviews.start(provider.name)
        self._treasuries.plan(self.scenario.providers)
        self._entry.start()
        self._resellers.start()
        self._makers.start(self.scenario)
        self._entrants.start(self.scenario)
        self.env.process(self._reports())
        for day, after in self._later:
            self.env.process(self._intervene(day, after))
        self.env.run(until=self.scenario.horizon_days)
        self.floor.settle()
        self._resellers.close()
        if self.scenario.horizon_days > self.floor.last_report_day:
            self.floor.report()
        return self.ledger.check()

    def _reports(self) -> Generator[simpy.Event, None, None]:
        count = 1
        while True:
            yield self.env.timeout(max(count * self.scenario.report_days - self.env.now, 0.0))
            self.floor.settle()
            self.floor.report()
            for name in self._treasuries.exits():
                self._resellers.left(name)
            count += 1

    # -- interventions ------------------------------------------------------------------------------------------

    def _intervene(self, day: float, after: Scenario) -> Generator[simpy.Event, None, None]:
        """On its day the market is that of another scenario; who holds what, prices and cash stay.

        Where nothing is touched that demand, costs or waits hang on, demand is not even settled: whoever acts on what
        has changed settles it when he acts. One settlement more is another sum of the same flows, and its last digits
        are another path for every search that starts from them.
        """
        yield self.env.timeout(day)
        before, self.scenario = self.scenario, kept_parts(self.scenario, after)
        touched = touches_demand(before, self.scenario)
        if touched:
            self.floor.settle()
        for line in changed_fields(before, self.scenario):
            self.floor.event("intervention", line.owner, line.offer, 0.0, line.text)
        relisted: list[int] = []
        if touched:
            relisted = revise_board(self.board, before, self.scenario, self._catalog, self.seed, self.catalog_draw)
            self.population.retune(self.scenario)
            self.beliefs.retune(self.scenario)
        self._owners.revise(self.scenario, touched)
        self._reviews.revise(self.scenario)
        self._labs.plan(self.scenario.providers)
        if touched:
            self._fleets.revise(self.scenario)
        self._treasuries.plan(self.scenario.providers)
        self._entry.revise(self.scenario)
        self._resellers.revise(self.scenario)
        self._makers.start(self.scenario)
        self._entrants.start(self.scenario)
        self._development.plan(self.scenario)
        if touched:
            self._change_sale(before)
        for offer in relisted:
            self.floor.change_price(offer, self.board.list_price[:, offer].copy(), "intervention")
        for old, new in zip(before.providers, self.scenario.providers, strict=True):
            if new.price is not old.price and self.floor.sells(new.name):
                self._reviews.start(new.name, at_once=True)

    def _change_sale(self, before: Scenario) -> None:
        """Take off sale, or put back, what an intervention says; holders of what is gone choose again at once.

        An offer that a lab has yet to release comes with its release.
        """
        waiting = self._labs.waiting() | self._development.waiting() | self._entry.waiting()
        for offer, (old, new) in enumerate(zip(before.offers, self.scenario.offers, strict=True)):
            if old.on_sale == new.on_sale or new.name in waiting or self.board.owners[offer] in self.floor.exited:
                continue
            # With an offer at wholesale goes, or comes back, what others resell of it.
            sold = np.flatnonzero(self.board.supplier_offer == offer) if new.wholesale else [offer]
            self.board.on_sale[sold] = new.on_sale
            for resumed in sold if new.on_sale else ():
                self.floor.record_price(int(resumed), "intervention")
                self._reviews.start(self.board.owners[resumed])
        self.floor.rechoose()

    # -- records ------------------------------------------------------------------------------------------------

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
