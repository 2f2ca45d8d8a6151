"""The books: double entry, as flows by day, task class, payer, payee and account.

A row moves `usd` from the payer to the payee: it debits one and credits the other. The providers' cash is kept apart
from the rows, where the money is taken and spent, so that the balance below is a check and not an identity:

    change of cash = what the rows paid to the provider - what the rows took from it
    tokens paid for = tokens served, for every offer and class
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

CUSTOMERS, COMPUTE, DEADWEIGHT = "customers", "compute", "deadweight"
INVESTORS, OTHERS = "investors", "others"  # others: everybody outside the market whom a fixed cost is paid to
BROKERS = "brokers"  # who sell accounts to those who copy
RETAIL, SERVING, TRAINING, TEACHER_TOKENS, SWITCHING = "retail", "serving", "training", "teacher_tokens", "switching"
RESEARCH, ACCOUNTS = "research", "accounts"
FEE = "fee"  # of a two-part contract, between a supplier and a platform
WHOLESALE = "wholesale"  # tokens of it are those of the retail row once more: the balance counts retail alone

RENT, FIXED, FUNDING = "rent", "fixed", "funding"  # a rented fleet's tokens are served at 0 and paid for by its rent


class UnbalancedBooksError(AssertionError):
    """The books do not balance: an error in the market's code, never of an input."""


@dataclass
class Ledger:
    """Rows in columns; `moved_usd`, each provider's change of cash, is kept by `receive` and `spend` alone.

    The change is kept apart from the opening cash, so that a large treasury does not round small flows away.
    """

    opening_usd: dict[str, float]
    day: list[float] = field(default_factory=list)
    account: list[str] = field(default_factory=list)
    payer: list[str] = field(default_factory=list)
    payee: list[str] = field(default_factory=list)
    task_class: list[str] = field(default_factory=list)
    offer: list[str] = field(default_factory=list)
    usd: list[float] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)
    mtok: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.moved_usd = dict.fromkeys(self.opening_usd, 0.0)

    def post(
        self,
        day: float,
        account: str,
        payer: str,
        payee: str,
        usd: float,
        task_class: str = "",
        offer: str = "",
        requests: float = 0.0,
        mtok: float = 0.0,
    ) -> None:
        """Append one flow. `mtok` counts fresh input, cached input and output tokens together, in millions."""
        self.day.append(day)
        self.account.append(account)
        self.payer.append(payer)
        self.payee.append(payee)
        self.task_class.append(task_class)
        self.offer.append(offer)
        self.usd.append(usd)
        self.requests.append(requests)
        self.mtok.append(mtok)

    def receive(self, provider: str, usd: float) -> None:
        """Money that the provider took in."""
        self.moved_usd[provider] += usd

    def spend(self, provider: str, usd: float) -> None:
        """Money that the provider paid out."""
        self.moved_usd[provider] -= usd

    def cash_usd(self, provider: str) -> float:
        """What the provider has."""
        return self.opening_usd[provider] + self.moved_usd[provider]

    def frame(self) -> pd.DataFrame:
        """The rows as a table."""
        import pandas as pd

        return pd.DataFrame(
            {
                "day": self.day,
                "account": self.account,
                "payer": self.payer,
                "payee": self.payee,
                "task_class": self.task_class,
                "offer": self.offer,
                "usd": self.usd,
                "requests": self.requests,
                "mtok": self.mtok,
            }
        )

    def check(self, relative: float = 1e-9) -> float:
        """The largest relative imbalance over providers and over the tokens of every offer and class.

        Raises:
            UnbalancedBooksError: if it exceeds `relative`.
        """
        worst, where = 0.0, ""
        usd = np.array(self.usd)
        payer, payee = np.array(self.payer), np.array(self.payee)
        for name, moved in self.moved_usd.items():
            taken, paid = usd[payee == name].sum(), usd[payer == name].sum()
            gap = abs(moved - (taken - paid))
            scale = max(taken, paid, 1e-12)
            if gap / scale >= worst:
                worst, where = gap / scale, f"cash of {name}"
        account = np.array(self.account)
        sold, served = self.mtok_by_offer(account == RETAIL), self.mtok_by_offer(account == SERVING)
        for key in sold.keys() | served.keys():
            gap = abs(sold.get(key, 0.0) - served.get(key, 0.0)) / max(sold.get(key, 0.0), 1e-12)
            if gap > worst:
                worst, where = gap, f"tokens of {key}"
        if not worst <= relative:
            raise UnbalancedBooksError(f"the books do not balance: {where} is off by {worst:.3g}, allowed {relative:g}")
        return worst

    def mtok_by_offer(self, rows: np.ndarray) -> dict[tuple[str, str], float]:
        """Sum of tokens by (offer, task class) over the rows where the mask is true."""
        out: dict[tuple[str, str], float] = {}
        for index in np.flatnonzero(rows):
            key = (self.offer[index], self.task_class[index])
            out[key] = out.get(key, 0.0) + self.mtok[index]
        return out
