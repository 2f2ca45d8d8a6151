"""A count of the customers, for the tables: how many, who came and left, how many providers each uses, who gains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Census:
    """State of a population on a day; counts are real customers, of whom rows or nodes stand for many.

    Attributes:
        customers: by class, shape (C,).
        arrivals, departures: since day 0, by class, shape (C,).
        providers: distinct providers, summed over customers; `users` of whom use any in some class.
        users: customers who use any provider.
        group_customers: by class and group of value, shape (C, 3).
        group_surplus_usd_per_day: expected surplus over using no model, shape (C, 3).
    """

    customers: np.ndarray
    arrivals: np.ndarray
    departures: np.ndarray
    providers: float
    users: float
    group_customers: np.ndarray
    group_surplus_usd_per_day: np.ndarray

    def plus(self, other: Census) -> Census:
        """Both together."""
        return Census(
            self.customers + other.customers,
            self.arrivals + other.arrivals,
            self.departures + other.departures,
            self.providers + other.providers,
            self.users + other.users,
            self.group_customers + other.group_customers,
            self.group_surplus_usd_per_day + other.group_surplus_usd_per_day,
        )


@dataclass(frozen=True)
class Gains:
    """Expected surplus over using no model, USD per day: by class, shape (C,), and by class and group, shape (C, 3)."""

    by_class: np.ndarray
    by_group: np.ndarray


def steady_census(
    customers: float, group: np.ndarray, providers: float, users: float, group_surplus_usd_per_day: np.ndarray
) -> Census:
    """A population of constant number; `group` (C, N) is that of each row or node, all of equal weight."""
    every, nobody = np.full(len(group), customers), np.zeros(len(group))
    shares = np.array([np.bincount(part, minlength=group_surplus_usd_per_day.shape[1]) for part in group])
    return Census(
        every, nobody, nobody, providers, users, customers * shares / group.shape[1], group_surplus_usd_per_day
    )


def ungrouped_census(
    surplus: np.ndarray, shares: np.ndarray, customers: np.ndarray, arrivals: np.ndarray | None = None
) -> Census:
    """Customers who differ from class to class, (C,), all in the middle group; `shares` (C, J+1), column 0 for none."""
    users = float(((1.0 - shares[:, 0]) * customers).sum())
    nobody = np.zeros(len(customers))

    def middle(part: np.ndarray) -> np.ndarray:
        return np.stack([nobody, part, nobody], axis=1)

    came = nobody if arrivals is None else arrivals
    return Census(customers, came, nobody, users, users, middle(customers), middle(surplus))
