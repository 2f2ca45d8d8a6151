"""Random scenarios, for laws that hold in every market: few customers, short, with any mechanisms and policies."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Raw = dict[str, Any]
_SHARE = {"kind": "share_of_list_price", "share": 0.4}


def usd(value: float) -> Raw:
    return {"kind": "stated", "input_usd_per_mtok": value / 5, "output_usd_per_mtok": value}


@st.composite
def tasks(draw: st.DrawFn) -> list[Raw]:
    return [
        {
            "name": f"task{i}", "input_tokens": draw(st.sampled_from([500, 5000])), "output_tokens": 800,
            "cached_input_tokens": draw(st.sampled_from([0, 2000])), "requests_per_day": draw(st.sampled_from([1, 9])),
            "difficulty_mean": draw(st.floats(-2, 2)), "difficulty_sd": draw(st.sampled_from([0.0, 1.0])),
            "value_usd": {"median": draw(st.floats(0.01, 0.2)), "log_sd": draw(st.sampled_from([0.0, 0.5]))},
            "harm_share": draw(st.floats(0, 1)), "harm_log_sd": draw(st.sampled_from([0.0, 0.7])),
            "value_of_time_usd_per_s": draw(st.sampled_from([0.0, 0.001])),
        }
        for i in range(draw(st.integers(1, 3)))
    ]  # fmt: skip


@st.composite
def populations(draw: st.DrawFn) -> Raw:
    raw: Raw = {
        "market_customers": 1000, "review_days": draw(st.sampled_from([2.0, 15.0])),
        "price_sensitivity": {"median": draw(st.sampled_from([0.01, 0.1, 0.5])), "log_sd": 0.3},
        "switching_share": draw(st.sampled_from([0.0, 0.02, 0.5])),
        "volume_elasticity": draw(st.sampled_from([0.0, -0.3, -0.8])),
        "outside_share": draw(st.sampled_from([-1.0, 0.0, 0.3])),
        "notices_increases": draw(st.booleans()),
        "nest_scale": draw(st.sampled_from([1.0, 0.5, 0.05])),
        "word_days": draw(st.sampled_from([0.0, 10.0])),
        "growth_per_year": draw(st.sampled_from([0.0, 0.9])),
        "churn_per_year": draw(st.sampled_from([0.0, 2.0])),
        "router": draw(st.sampled_from([None, {"share": 0.3}, {"share": 1.0, "error_sd": 0.0}])),
    }  # fmt: skip
    if draw(st.booleans()):
        return raw | {"kind": "sampled", "customers": draw(st.sampled_from([1, 60]))}
    return raw | {"kind": "expected", "nodes_per_class": draw(st.sampled_from([1, 8]))}


@st.composite
def policies(draw: st.DrawFn, rival: str | None) -> Raw:
    kinds = ["posted", "cost_plus", "best_response"] + (["undercut"] if rival else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "posted":
        return {"kind": kind}
    reviewed = {"kind": kind, "review_days": 9.0, "first_review_day": draw(st.sampled_from([1.0, 5.0]))}
    more: dict[str, Raw] = {
        "cost_plus": {"markup": draw(st.floats(0, 3))},
        "best_response": {"mode": draw(st.sampled_from(["static", "discounted"])), "damping": 0.3},
        "undercut": {"rival": rival, "by": 0.2},
    }
    return reviewed | more[kind]


@st.composite
def markets(draw: st.DrawFn) -> Raw:
    """A valid scenario of at most five offers over 40 days; the last one may be released in the middle."""
    models = [
        {"kind": "stated", "name": f"m{i}", "theta": draw(st.floats(-1, 3))} for i in range(draw(st.integers(1, 3)))
    ]
    classes, providers, sold = draw(tasks()), [], []
    for i in range(draw(st.integers(1, 4))):
        offers = []
        for _ in range(draw(st.integers(1, 2)) if len(sold) < 4 else 1):
            name = f"o{len(sold)}"
            sold.append(name)
            offers.append(
                {
                    "name": name, "model": f"m{draw(st.integers(0, len(models) - 1))}",
                    "list_price": usd(draw(st.floats(0.2, 20))), "cost": _SHARE,
                    "fit_share": draw(st.sampled_from([0.0, 0.1])),
                }
            )  # fmt: skip
        rival = sold[0] if i > 0 else None
        provider = {"name": f"p{i}", "offers": offers, "price": draw(policies(rival))}
        if len(classes) > 1:
            provider["bundle_share"] = draw(st.sampled_from([0.0, 0.05]))
        providers.append(provider)
    if len(providers) > 1 and draw(st.booleans()):
        release = {"offer": sold[-1], "release_day": 15.5, "training_cost_usd": 10.0, "teacher_offer": sold[0],
                   "teacher_output_mtok": 1.0}  # fmt: skip
        providers[-1]["lab"] = {"releases": [release]}
    return {
        "name": "random", "title": "a random market", "starts_on": "2026-01-01", "horizon_days": 40.0,
        "report_days": 10.0, "belief_nodes_per_class": 4, "tasks": classes, "population": draw(populations()),
        "models": models, "providers": providers,
    }  # fmt: skip
