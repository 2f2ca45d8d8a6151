"""The tables that a market fills while it runs, and what their columns mean.

Every row carries (catalog_draw, replication), so that the tables of many runs lie in one file. Flows belong to the
interval that ends on `day`; states hold on `day`.
"""

from __future__ import annotations

from sim.shared.tables import RUN_COLUMNS, Column, TableSpec
from sim.world.lab_tables import LAB_TABLES

_OFFER = (
    Column("offer", "text", "", "offer on sale"),
    Column("provider", "text", "", "who sells it"),
)
_DAY = Column("day", "number", "days", "days since the start of the scenario")
_CLASS = Column("task_class", "text", "", "kind of work")

OFFERS = TableSpec(
    "offers",
    "one offer in one task class, as it entered the run",
    (
        *RUN_COLUMNS,
        *_OFFER,
        Column("model", "text", "", "model that the offer serves"),
        Column("teacher", "text", "", "for a student: its teacher", missing=True),
        _CLASS,
        Column("theta", "number", "logits", "ability in this class"),
        Column("quality", "number", "fraction", "success on a benchmark of standard difficulty"),
        Column("class_assumed", "flag", "", "true where the class's ability was not the model's own figure"),
        Column("list_input_usd_per_mtok", "number", "USD per Mtok", "list price of fresh input"),
        Column("list_cached_usd_per_mtok", "number", "USD per Mtok", "list price of cached input"),
        Column("list_output_usd_per_mtok", "number", "USD per Mtok", "list price of output"),
        Column("cost_input_usd_per_mtok", "number", "USD per Mtok", "marginal cost of fresh input"),
        Column("cost_cached_usd_per_mtok", "number", "USD per Mtok", "marginal cost of cached input"),
        Column("cost_output_usd_per_mtok", "number", "USD per Mtok", "marginal cost of output"),
        Column(
            "cost_basis",
            "text",
            "",
            "how it is known: stated, catalog, share_of_list_price, implied, teacher, wholesale, fleet",
        ),
        Column("cost_clipped", "flag", "", "true where the implied cost left its bounds and was held at one"),
        Column("quality_evidence", "text", "", "measured, cited or assumed"),
        Column("source", "text", "", "where the ability comes from"),
    ),
)

PRICES = TableSpec(
    "prices",
    "one price that was posted",
    (
        *RUN_COLUMNS,
        _DAY,
        *_OFFER,
        Column("price_input_usd_per_mtok", "number", "USD per Mtok", "posted price of fresh input"),
        Column("price_cached_usd_per_mtok", "number", "USD per Mtok", "posted price of cached input"),
        Column("price_output_usd_per_mtok", "number", "USD per Mtok", "posted price of output"),
        Column("cause", "text", "", "start, release, review, entry, intervention, deal or supply"),
    ),
)

DEMAND = TableSpec(
    "demand",
    "one offer in one task class over one interval",
    (
        *RUN_COLUMNS,
        _DAY,
        _CLASS,
        *_OFFER,
        Column("requests", "number", "requests", "requests served in the interval"),
        Column("input_mtok", "number", "Mtok", "fresh input tokens served"),
        Column("cached_mtok", "number", "Mtok", "cached input tokens served"),
        Column("output_mtok", "number", "Mtok", "output tokens served"),
        Column("revenue_usd", "number", "USD", "paid by customers"),
        Column("serving_cost_usd", "number", "USD", "paid for compute or, by use, as rent; or to a supplier"),
        Column("share_of_customers", "number", "fraction", "reference requests held on `day`, of all incl. none"),
    ),
)

WELFARE = TableSpec(
    "welfare",
    "one task class over one interval",
    (
        *RUN_COLUMNS,
        _DAY,
        _CLASS,
        Column("consumer_surplus_usd_per_day", "number", "USD per day", "expected surplus over using no model, on day"),
        Column("switching_usd", "number", "USD", "one-off switching costs borne in the interval"),
    ),
)

EVENTS = TableSpec(
    "events",
    "one thing that happened",
    (
        *RUN_COLUMNS,
        _DAY,
        Column(
            "event",
            "text",
            "",
            "on_sale, release, shelved, retired, unaffordable, access, intervention, exit, everybody_left, cycling "
            "(200 best responses moved), funding; a fleet's outage, restored, order, arrival, give_back; "
            "open_weights; entry, leave of hosts and newcomers; subsidy, subsidy_ended, tariff; deal, no_deal, "
            "fallback, cut_off; make_or_buy, build, forward_entry",
        ),
        Column("provider", "text", "", "who did it"),
        Column("offer", "text", "", "which offer", missing=True),
        Column("usd", "number", "USD", "money spent on it"),
        Column("detail", "text", "", "in words", missing=True),
    ),
)

LEDGER = TableSpec(
    "ledger",
    "one flow of money: debits the payer, credits the payee",
    (
        *RUN_COLUMNS,
        _DAY,
        Column(
            "account",
            "text",
            "",
            "retail, serving, wholesale, fee, training, teacher_tokens, switching, research, accounts, rent, fixed or "
            "funding",
        ),
        Column("payer", "text", "", "who paid"),
        Column("payee", "text", "", "who was paid"),
        Column("task_class", "text", "", "kind of work", missing=True),
        Column("offer", "text", "", "offer concerned", missing=True),
        Column("usd", "number", "USD", "amount"),
        Column("requests", "number", "requests", "requests paid for"),
        Column("mtok", "number", "Mtok", "tokens paid for: fresh input, cached input and output together"),
    ),
)

TREASURY = TableSpec(
    "treasury",
    "one provider on one day",
    (*RUN_COLUMNS, _DAY, Column("provider", "text", "", "whose cash"), Column("cash_usd", "number", "USD", "cash")),
)

FLEET = TableSpec(
    "fleet",
    "one offer on a provider's fleet over one interval; the fleet's own figures stand beside each of its offers",
    (
        *RUN_COLUMNS,
        _DAY,
        Column("provider", "text", "", "whose fleet"),
        Column("offer", "text", "", "offer served on it"),
        Column("replicas", "number", "replicas", "installed on day; 0 where a fleet has no bound"),
        Column("replicas_on_order", "number", "replicas", "ordered and yet to arrive"),
        Column("replicas_out", "number", "replicas", "lost to outages on day"),
        Column("capacity_tokens_per_s", "number", "tokens/s", "of this offer alone, all kinds in the interval's mix"),
        Column("utilisation", "number", "fraction", "of the working replicas, at the last review"),
        Column("delay_s", "number", "s", "mean wait of a request; one that is refused waits until it gives up"),
        Column("offered_mtok", "number", "Mtok", "asked for in the interval, of resold offers and in bulk too"),
        Column("served_mtok", "number", "Mtok", "served"),
        Column("refused_mtok", "number", "Mtok", "refused for want of capacity"),
        Column("rent_usd", "number", "USD", "the fleet's rent, by use"),
    ),
)

CUSTOMERS = TableSpec(
    "customers",
    "the customers of one task class on one day; customers = those of the row before + arrivals - departures",
    (
        *RUN_COLUMNS,
        _DAY,
        _CLASS,
        Column("customers", "number", "customers", "customers on day, of those who come one by one all who came"),
        Column("arrivals", "number", "customers", "who came in the interval"),
        Column("departures", "number", "customers", "who left in the interval"),
    ),
)

MULTIHOMING = TableSpec(
    "multihoming",
    "how many providers a customer uses on one day, all task classes together",
    (
        *RUN_COLUMNS,
        _DAY,
        Column("users", "number", "customers", "customers who use any provider in any class"),
        Column("providers_per_user", "number", "providers", "mean number of providers that one of them uses"),
    ),
)

WELFARE_BY_GROUP = TableSpec(
    "welfare_by_group",
    "one third of a task class's customers, by the value of a right answer, on one day",
    (
        *RUN_COLUMNS,
        _DAY,
        _CLASS,
        Column("value_group", "text", "", "low, middle or high value; all in the middle where it does not differ"),
        Column("customers", "number", "customers", "customers of the group"),
        Column("consumer_surplus_usd_per_day", "number", "USD per day", "expected surplus over using no model"),
    ),
)

MARKET_TABLES = (
    OFFERS, PRICES, DEMAND, WELFARE, EVENTS, LEDGER, TREASURY, FLEET, CUSTOMERS, MULTIHOMING, WELFARE_BY_GROUP,
    *LAB_TABLES,
)  # fmt: skip
