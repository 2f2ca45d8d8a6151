"""The tables of labs and of access: abilities that move, research decided, tokens taken, and who is let in.

They have no rows in a market whose labs only make dated releases and whose access is open.
"""

from __future__ import annotations

from sim.shared.tables import RUN_COLUMNS, Column, TableSpec

_DAY = Column("day", "number", "days", "days since the start of the scenario")
_OFFER = Column("offer", "text", "", "offer concerned")
_PROVIDER = Column("provider", "text", "", "whose it is")

ABILITIES = TableSpec(
    "abilities",
    "one offer in one task class, from the day on which its ability is another one; before, see `offers`",
    (
        *RUN_COLUMNS,
        _DAY,
        _OFFER,
        _PROVIDER,
        Column("task_class", "text", "", "kind of work"),
        Column("theta", "number", "logits", "ability in this class"),
        Column("quality", "number", "fraction", "success on a benchmark of standard difficulty"),
        Column("cause", "text", "", "research, distillation, reinforcement or intervention"),
    ),
)

RESEARCH = TableSpec(
    "research",
    "one decision on frontier research",
    (
        *RUN_COLUMNS,
        _DAY,
        _PROVIDER,
        Column("offer", "text", "", "offer that the next model is for"),
        Column("spent_usd", "number", "USD", "I, paid on this day"),
        Column("present_theta", "number", "logits", "mean ability without it: what is on sale or on its way"),
        Column("expected_theta", "number", "logits", "mean ability expected of it; 0 where nothing is spent"),
        Column("lag_days", "number", "days", "after which imitators are expected to follow"),
        Column("exclusive_usd_per_day", "number", "USD per day", "expected gain of profit until then"),
        Column("imitated_usd_per_day", "number", "USD per day", "expected gain of profit from then on"),
        Column("value_usd", "number", "USD", "expected gain over the horizon, less the amount"),
    ),
)

TAKINGS = TableSpec(
    "takings",
    "tokens that one student's lab took through a rival's interface over some days",
    (
        *RUN_COLUMNS,
        _DAY,
        _PROVIDER,
        Column("offer", "text", "", "the student"),
        Column("teacher_offer", "text", "", "whose tokens they are"),
        Column("accounts", "number", "accounts", "opened at the start of the campaign"),
        Column("alive_share", "number", "fraction", "of the accounts, not banned at the end of the days"),
        Column("requests_per_account_day", "number", "requests per day", "pace, within the rate limit"),
        Column("requests", "number", "requests", "answered"),
        Column("output_mtok", "number", "Mtok", "taken"),
        Column("effective_mtok", "number", "Mtok", "taken, times what one is worth to the student"),
        Column("returns", "text", "", "what the interface gave: text, topk or full"),
        Column("usd", "number", "USD", "paid for the tokens"),
    ),
)

ACCESS = TableSpec(
    "access",
    "one provider's terms of access from this day on",
    (
        *RUN_COLUMNS,
        _DAY,
        _PROVIDER,
        Column("returns", "text", "", "text, topk or full"),
        Column("tau", "number", "standard deviations", "detection's threshold; none: nobody is flagged", missing=True),
        Column("refused_share", "number", "fraction", "of honest customers' requests, by false positives"),
        Column("refused_margin_usd_per_day", "number", "USD per day", "margin expected on the honest requests refused"),
    ),
)

LAB_TABLES = (ABILITIES, RESEARCH, TAKINGS, ACCESS)
