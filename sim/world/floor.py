"""The trading floor: time, what is posted, who holds what, and the books; every player acts through it.

Between two events the board stands still. `settle` brings demand up to now; whoever changes the board settles first.
What happened since the last report waits in columns and is closed into the tables and the books by `report`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import simpy

from sim.scenario.promotion import Tiers
from sim.world import ledger as books
from sim.world.board import Board
from sim.world.census import CensusTaker
from sim.world.customers.demand import Population
from sim.world.ledger import Ledger
from sim.world.recorder import Recorder
from sim.world.serving import BulkFlow, Serving

SAME_PRICE = 1e-12  # relative: below it two prices differ by rounding alone


class Watcher(Protocol):
    """Whoever follows what is posted as time passes: the owners' beliefs about demand."""

    def advance(self, board: Board, start_day: float, end_day: float) -> object:
        """Time has passed at constant board."""

    def withdraw(self, board: Board, day: float) -> None:
        """Offers have left the market."""

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> object:
        """The price of `offer` rose in the given classes, shape (C,), bool."""


class Floor:
    """One market's state, and the acts that every player shares.

    Attributes:
        env: simpy's environment; `env.now` is days.
        board: what is on sale, where, at which price and cost.
        population: the customers.
        ledger: the books.
        recorder: rows of the tables.
        exited: providers that have left the market.
        serving: the fleets that bound what is served; None where no provider has one.
        dues: what players owe for an interval, paid when it is closed.
        earned_usd: price less cost of all requests served so far, below zero where they were subsidised; shape (C, J).
    """

    def __init__(
        self,
        env: simpy.Environment,
        board: Board,
        population: Population,
        watcher: Watcher,
        opening_usd: dict[str, float],
    ) -> None:
        self.env, self.board, self.population, self._watcher = env, board, population, watcher
        self.ledger = Ledger(opening_usd)
        self.recorder = Recorder()
        self._census = CensusTaker(population)
        self.exited: set[str] = set()
        self.serving: Serving | None = None
        self.dues: list[Callable[[], None]] = []
        self._deserted = False
        self.reviews = 0.0
        self.earned_usd = np.zeros((board.class_count, board.offer_count))
        self.last_report_day = 0.0
        self._settled_day = 0.0
        self._requests = np.zeros((board.class_count, board.offer_count))
        self._revenue_usd = np.zeros_like(self._requests)
        self._serving_usd = np.zeros_like(self._requests)
        self._upstream_usd = np.zeros_like(self._requests)
        self._switching_usd = np.zeros(board.class_count)

    @property
    def day(self) -> float:
        """Now, days since the start of the scenario."""
        return float(self.env.now)

    def own(self, provider: str) -> list[int]:
        """The provider's offers, on sale or not."""
        return [offer for offer, owner in enumerate(self.board.owners) if owner == provider]

    def sells(self, provider: str) -> bool:
        """Whether the provider has an offer on sale, or one at wholesale that others resell."""
        return any(self.board.on_sale[offer] or self.board.sells_wholesale(offer) for offer in self.own(provider))

    # -- time ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Everybody chooses; what is on sale on day 0 is written down."""
        self.population.start(self.board)
        for offer in np.flatnonzero(self.board.wholesale):
            self.record_price(int(offer), "start")
        for offer in np.flatnonzero(self.board.on_sale):
            self.record_price(int(offer), "start")
            self.event("on_sale", self.board.owners[offer], self.board.offers[offer])
        self.report()

    def settle(self) -> None:
        """Bring demand up to now at the board as it stood since the last event."""
        if self.day <= self._settled_day:
            return
        demand = self.population.advance(self.board, self._settled_day, self.day)
        self._watcher.advance(self.board, self._settled_day, self.day)
        requests, cost_usd = demand.requests * (1.0 - self.board.turned_away_share), self.board.cost_usd
        if self.serving is not None:
            requests = self.serving.serve(requests, self.day - self._settled_day)
            cost_usd = self.serving.paid_cost_usd()
        self._settled_day = self.day
        self._requests += requests
        self.earned_usd += requests * (self.board.price_usd - self.board.cost_usd)
        self._revenue_usd += requests * self.board.price_usd
        self._serving_usd += requests * cost_usd
        self._upstream_usd += requests * cost_usd[:, self.board.supplier_offer]
        self._switching_usd += demand.switching_usd
        self.reviews += demand.reviews

    # -- acts ---------------------------------------------------------------------------------------------------

    def change_price(self, offer: int, price: np.ndarray, cause: str) -> bool:
        """Post a price vector (3,), USD per Mtok, with who notices; returns whether it is another one.

        One that differs by no more than rounding does, `SAME_PRICE` of each component, is the same.
        """
        if np.allclose(price, self.board.price[:, offer], rtol=SAME_PRICE, atol=0.0):
            return False
        before = self.board.price_usd[:, offer].copy()
        self.board.set_price(offer, price)
        self.record_price(offer, cause)
        self._tell(offer, before)
        return True

    def change_tariff(self, offer: int, tariff: np.ndarray, tiers: Tiers | None) -> bool:
        """What accounts pay over the posted price, by class (C,), with who notices; returns whether it changed.

        `tiers` is what it comes from; None where a tariff ends.
        """
        if np.allclose(tariff, self.board.tariff[:, offer], rtol=SAME_PRICE, atol=0.0):
            self.board.tiers[offer] = tiers
            return False
        before = self.board.price_usd[:, offer].copy()
        self.board.set_tariff(offer, tariff, tiers)
        self._tell(offer, before)
        return True

    def _tell(self, offer: int, before: np.ndarray) -> None:
        """Holders in the classes in which a request costs more than `before` (C,) notice it."""
        rose = self.board.price_usd[:, offer] > before * (1.0 + 1e-9)
        if rose.any():
            self._switching_usd += self.population.notice(self.board, offer, rose, self.day)
            self._watcher.notice(self.board, offer, rose, self.day)

    def put_on_sale(self, offer: int, cause: str) -> None:
        """An offer comes to the market, or back to it; customers find it at their next review."""
        self.board.on_sale[offer] = True
        self.record_price(offer, cause)

    def withdraw(self, offers: Sequence[int] | np.ndarray) -> None:
        """Take offers off sale, with what others resell of them; their holders choose again at once."""
        self.board.on_sale[list(offers)] = False
        self.board.on_sale[np.isin(self.board.supplier_offer, offers)] = False
        self.rechoose()

    def rechoose(self) -> None:
        """Whoever holds what is no longer on sale chooses again at once."""
        self.population.withdraw(self.board, self.day)
        self._watcher.withdraw(self.board, self.day)

    def leave(self, provider: str, detail: str) -> None:
        """A provider leaves the market for good, with everything that it sells."""
        self.exited.add(provider)
        self.withdraw(self.own(provider))
        self.event("exit", provider, detail=detail)
        if not self.board.on_sale.any() and not self._deserted:
            self._deserted = True
            self.event("everybody_left", "market", detail=f"{provider} was the last; nothing is on sale")

    def event(self, kind: str, provider: str, offer: str = "", usd: float = 0.0, detail: str = "") -> None:
        """One row of the table `events`."""
        self.recorder.add("events", self.day, kind, provider, offer, usd, detail)

    def pay(
        self,
        account: str,
        payer: str,
        payee: str,
        usd: float,
        task_class: str = "",
        offer: str = "",
        requests: float = 0.0,
        mtok: float = 0.0,
    ) -> float:
        """One flow of money, in the books and in the cash of those who have a treasury; returns USD paid.

        What a provider serves on its own rented fleet is paid for by the rent: its compute costs nothing more, whoever
        asks for it.
        """
        if account == books.SERVING and self.serving is not None and self.serving.rent_pays(payer, offer):
            usd = 0.0
        self.ledger.post(self.day, account, payer, payee, usd, task_class, offer, requests, mtok)
        if payer in self.ledger.moved_usd:
            self.ledger.spend(payer, usd)
        if payee in self.ledger.moved_usd:
            self.ledger.receive(payee, usd)
        return usd

    # -- bulk use -----------------------------------------------------------------------------------------------

    def is_on_fleet(self, offer: int) -> bool:
        """Whether a fleet serves the offer, and may refuse."""
        return self.serving is not None and self.serving.serves(offer)

    def begin_bulk(self, offer: int, mtok_per_day: float, requests_per_day: float) -> BulkFlow | None:
        """Somebody takes output tokens, in millions, evenly of an offer from now on; None where no fleet serves it."""
        if self.serving is None or not self.serving.serves(offer):
            return None
        self.settle()
        return self.serving.begin(offer, mtok_per_day, requests_per_day)

    def end_bulk(self, flow: BulkFlow) -> float:
        """Nothing more is taken; returns the tokens that were served, in millions."""
        self.settle()
        assert self.serving is not None
        self.serving.end(flow)
        return flow.served_mtok

    # -- records ------------------------------------------------------------------------------------------------

    def record_price(self, offer: int, cause: str) -> None:
        """One row of the table `prices`."""
        price = self.board.price[:, offer]
        self.recorder.add(
            "prices", self.day, self.board.offers[offer], self.board.owners[offer],
            float(price[0]), float(price[1]), float(price[2]), cause,
        )  # fmt: skip

    def report(self) -> None:
        """Close the interval: rows of the tables, entries in the books, cash."""
        day, board = self.day, self.board
        self.last_report_day = day
        self._deserted &= not board.on_sale.any()
        for pay_due in self.dues:
            pay_due()
        rent_usd = self._close_fleets()
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
                    float(tokens[1]), float(tokens[2]), revenue, serving + float(rent_usd[c, j]), float(share[c, j]),
                )  # fmt: skip
                if requests:
                    owner, sold = board.owners[j], requests * float(mtok[c])
                    self.pay(books.RETAIL, books.CUSTOMERS, owner, revenue, task, board.offers[j], requests, sold)
                    self._serve(c, j, requests, serving)
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

    def _close_fleets(self) -> np.ndarray:
        """Pay the fleets' rent of the interval and write their rows; returns the rent by use, USD, shape (C, J)."""
        if self.serving is None:
            return np.zeros_like(self._requests)
        closed = self.serving.close()
        for row in closed.rows:
            self.recorder.add("fleet", self.day, *row)
        for provider, usd in closed.rent_usd.items():
            self.pay(books.RENT, provider, books.COMPUTE, usd)
        return closed.rent_by_use_usd

    def _serve(self, c: int, j: int, requests: float, usd: float) -> None:
        """What serving cost: paid for compute, or to a supplier, who then pays for the compute."""
        board, task, payer = self.board, self.board.classes[c], self.board.owners[j]
        mtok = float((requests * board.tokens[c]).sum())
        if board.supplier_offer[j] >= 0:
            supplier = int(board.supplier_offer[j])
            seller = board.owners[supplier]
            self.pay(books.WHOLESALE, payer, seller, usd, task, board.offers[supplier], requests, mtok)
            payer, usd = seller, float(self._upstream_usd[c, j])
        self.pay(books.SERVING, payer, books.COMPUTE, usd, task, board.offers[j], requests, mtok)
