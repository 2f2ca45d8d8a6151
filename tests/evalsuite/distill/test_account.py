"""What is taken is counted and priced, within the budget, until the accounts are banned."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from evalsuite.distill.access import Access
from evalsuite.distill.account import Account, ban_probability


def terms(**changes: Any) -> Access:
    return Access.model_validate({"regime": {"kind": "full"}, **changes})


def refusing(pace: float, rate: float, accounts: int = 1) -> Access:
    refusal = {"kind": "refusal", "false_positive_rate": rate}
    return terms(accounts=accounts, queries_per_account_day=pace, defences=[refusal])


def test_every_token_is_counted_and_priced() -> None:
    account = Account(terms(price_in_usd_per_mtok=2.0, price_out_usd_per_mtok=8.0), 0)
    account.take(queries=3, written_tokens=500_000)
    account.take(read_tokens=250_000)
    taken = account.taken
    assert (taken.queries, taken.written_tokens, taken.read_tokens) == (3, 500_000, 250_000)
    assert taken.usd == pytest.approx(8.0 * 0.5 + 2.0 * 0.25)


def test_the_budgets_bound_what_is_granted() -> None:
    account = Account(terms(queries=10, tokens=100), 0)
    assert account.grant(8, 10) == 8
    account.take(queries=8, written_tokens=85)
    assert account.grant(8, 10) == 1  # fifteen tokens are left
    account.take(queries=1, written_tokens=10, read_tokens=5)
    assert account.grant(8, 1) == 0
    assert account.left_tokens == 0


def test_a_budget_of_zero_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        terms(tokens=0)


def test_the_rate_limit_makes_days_pass() -> None:
    account = Account(terms(accounts=2, queries_per_account_day=5), 0)
    assert account.grant(10, 1) == 10
    assert account.taken.days == 1
    assert account.grant(11, 1) == 11
    assert account.taken.days == 3
    assert Account(terms(), 0).taken.days == 0


def test_an_account_that_asks_like_an_honest_one_is_banned_at_the_false_positive_rate() -> None:
    assert ban_probability(refusing(30.0, 0.01)) == pytest.approx(0.01)
    assert ban_probability(refusing(3000.0, 0.01)) > 0.98
    assert ban_probability(terms(queries_per_account_day=3000.0)) == 0.0


def test_bans_end_the_business_and_are_the_same_when_replayed() -> None:
    access = refusing(300.0, 0.05, accounts=20)  # z = ln 10: banned with probability .75 a day
    granted = []
    for _ in range(2):
        account = Account(access, seed=4)
        granted.append([account.grant(64, 1) for _ in range(1000)])
    assert granted[0] == granted[1]
    assert granted[0][-1] == 0
    assert account.refused
    assert account.taken.banned_accounts == 20
    # Each account answers 300 queries on each of about 1/.75 days.
    assert sum(granted[0]) == pytest.approx(20 * 300 / ban_probability(access), rel=0.5)


def test_a_refusal_needs_the_pace_that_it_judges() -> None:
    with pytest.raises(ValidationError, match="queries_per_account_day"):
        terms(defences=[{"kind": "refusal", "false_positive_rate": 0.01}])
    with pytest.raises(ValidationError, match="each kind of defence once"):
        terms(defences=[{"kind": "rounding", "decimals": 1}, {"kind": "rounding", "decimals": 2}])


def test_no_probabilities_leaves_the_text() -> None:
    assert terms(defences=[{"kind": "no_probabilities"}]).granted.kind == "text"
