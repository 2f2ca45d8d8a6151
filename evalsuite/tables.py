"""The tables of a measured run, with their dictionary."""

from __future__ import annotations

from sim.shared.tables import Column, TableSpec

ANOTHER = "(another)"  # stands for a wrong answer where only the likelihood of the right one was asked for
MODEL = Column("model", "text", "", "name of the model")
TASK = Column("task", "text", "", "name of the task")
ENERGY_SOURCE = Column(
    "energy_source", "text", "", "measured (counters of this machine) or estimated (power times time)", missing=True
)

STORED_SAMPLES = TableSpec(
    name="scores",
    row="one item answered by one model",
    columns=(
        TASK,
        Column("item", "text", "", "name of the item in the task"),
        Column("cluster", "text", "", "fact or template the item rests on; items of one cluster are not independent"),
        Column("correct", "flag", "", "whether the answer is right; false where error is set"),
        Column("correct_norm", "flag", "", "the same by log-likelihood per character, where the task is scored so too"),
        Column("target", "text", "", "right answer", missing=True),
        Column(
            "answer",
            "text",
            "",
            f"the model's answer, first line, punctuation stripped; {ANOTHER} where it is wrong and not told",
            missing=True,
        ),
        Column("right_nats", "number", "nats", "log-likelihood of the right continuation (choice)", missing=True),
        Column("wrong_nats", "number", "nats", "log-likelihood of the likeliest wrong one (choice)", missing=True),
        Column(
            "confidence",
            "number",
            "probability",
            "the model's own: of its answer among the choices, or the geometric mean of its tokens'",
            missing=True,
        ),
        Column("error", "text", "", "why the item could not be scored", missing=True),
    ),
)
SAMPLES = TableSpec("samples", STORED_SAMPLES.row, (MODEL, *STORED_SAMPLES.columns))

QUALITY = TableSpec(
    name="quality",
    row="one model and task",
    columns=(
        MODEL,
        TASK,
        Column("task_class", "text", "", "class of work the task stands for"),
        Column("n", "integer", "items", "items scored, those in error left out"),
        Column("clusters", "integer", "clusters", "distinct facts or templates among them"),
        Column("score", "number", "fraction", "share of the scored items that are right", missing=True),
        Column("stderr", "number", "fraction", "standard error of score, clustered", missing=True),
        Column(
            "score_norm",
            "number",
            "fraction",
            "score by log-likelihood per character; score where there is none",
            missing=True,
        ),
        Column("chance", "number", "fraction", "score of guessing"),
        Column("errors", "integer", "items", "items that could not be scored"),
        Column("floor", "flag", "", "a task at the floor for small models, out of headline means"),
    ),
)

PAIRS = TableSpec(
    name="pairs",
    row="one teacher, student and task, on the same items",
    columns=(
        Column("teacher", "text", "", "name of the teacher"),
        Column("student", "text", "", "name of the student"),
        TASK,
        Column("n", "integer", "items", "items that both answered"),
        Column("difference", "number", "fraction", "score of the student minus the teacher's"),
        Column("stderr", "number", "fraction", "its standard error, clustered"),
        Column("low", "number", "fraction", "lower end of its 95 per cent interval"),
        Column("high", "number", "fraction", "upper end of its 95 per cent interval"),
        Column("p_value", "number", "probability", "McNemar's exact test, items taken as independent"),
        Column("p_holm", "number", "probability", "the same, adjusted over the pair's tasks (Holm)"),
        Column(
            "detectable",
            "number",
            "fraction",
            "least difference found with power 0.8 at n, items that share clusters counted as fewer",
            missing=True,
        ),
        Column(
            "agreement",
            "number",
            "fraction",
            f"share of items with the same answer; missing where an answer of both is {ANOTHER}",
            missing=True,
        ),
    ),
)

SPEED = TableSpec(
    name="speed",
    row="one timed repeat of one phase of one model",
    columns=(
        MODEL,
        Column("phase", "text", "", "prefill (tokens read) or decode (tokens written)"),
        Column("batch", "integer", "sequences", "sequences at once"),
        Column("repeat", "integer", "", "number of the repeat; repeats of equal number ran one after the other"),
        Column("tokens", "integer", "tokens", "tokens read or written in the repeat"),
        Column("seconds", "number", "s", "wall time of the repeat"),
        Column("energy_j", "number", "J", "energy that the repeat took", missing=True),
        ENERGY_SOURCE,
    ),
)

COST = TableSpec(
    name="cost",
    row="one model and phase on this machine",
    columns=(
        MODEL,
        Column("phase", "text", "", "prefill (input tokens) or decode (output tokens)"),
        Column("hardware", "text", "", "machine whose rent is taken"),
        Column("usd_per_hour", "number", "USD per hour", "rent of that machine"),
        Column("tokens_per_s", "number", "tokens per s", "median over the repeats"),
        Column("spread", "number", "fraction", "interquartile range of the seconds over their median"),
        Column("usd_per_mtok", "number", "USD per Mtok", "rent over tokens per second"),
        Column("low", "number", "USD per Mtok", "lower end of its 95 per cent interval, of timing alone"),
        Column("high", "number", "USD per Mtok", "upper end of its 95 per cent interval, of timing alone"),
        Column("log_stderr", "number", "log", "standard error of its logarithm"),
        Column("ratio", "number", "ratio", "cost over the teacher's, paired by repeat", missing=True),
        Column("ratio_log_stderr", "number", "log", "standard error of the logarithm of ratio", missing=True),
        Column("batch", "number", "sequences", "sequences at once; the largest that was timed", missing=True),
        Column("wh_per_mtok", "number", "Wh per Mtok", "energy over tokens, all repeats together", missing=True),
        ENERGY_SOURCE,
    ),
)

USAGE = TableSpec(
    name="usage",
    row="one model behind an endpoint and one task",
    columns=(
        MODEL,
        TASK,
        Column("requests", "integer", "requests", "answered, those kept from before included"),
        Column("tokens_in", "integer", "tokens", "read, as the server counts them"),
        Column("tokens_out", "integer", "tokens", "written, as the server counts them"),
        Column("bytes_in", "integer", "bytes", "UTF-8 bytes of the prompts"),
        Column("usd_per_mtok_in", "number", "USD per Mtok", "list price of tokens read", missing=True),
        Column("usd_per_mtok_out", "number", "USD per Mtok", "list price of tokens written", missing=True),
        Column("usd", "number", "USD", "tokens times list price", missing=True),
        Column("price_date", "text", "ISO date", "of the list price", missing=True),
        Column("price_source", "text", "", "where the list price stands", missing=True),
    ),
)

SHAPES = TableSpec(
    name="shapes",
    row="one model",
    columns=(
        MODEL,
        Column("active_params", "number", "parameters", "read for one token"),
        Column("total_params", "number", "parameters", "in memory"),
        Column("layers", "integer", "layers", "layers"),
        Column("kv_bytes_per_token", "number", "bytes per token", "keys and values of all layers, in bfloat16"),
        Column("text_bytes_per_token", "number", "bytes per token", "UTF-8 bytes of text in a token"),
    ),
)

LEDGERS = TableSpec(
    name="ledgers",
    row="one model, ledger and task class",
    columns=(
        MODEL,
        Column(
            "ledger",
            "text",
            "",
            "measured (this machine), modelled (roofline of an accelerator) or list price",
        ),
        Column("hardware", "text", "", "machine or accelerator whose rent is taken"),
        Column("task_class", "text", "", "class of work"),
        Column("usd_per_mtok_in", "number", "USD per Mtok", "cost of tokens read"),
        Column("usd_per_mtok_out", "number", "USD per Mtok", "cost of tokens written"),
        Column("usd_per_request", "number", "USD", "of a request of the class, without a prompt cache"),
        Column("accuracy", "number", "fraction", "mean over the class's tasks", missing=True),
        Column("usd_per_correct", "number", "USD", "until a right answer: cost over accuracy", missing=True),
        Column("usd_per_correct_low", "number", "USD", "lower end of its 95 per cent interval", missing=True),
        Column("usd_per_correct_high", "number", "USD", "upper end of its 95 per cent interval", missing=True),
        Column("usd_per_mb_in", "number", "USD per MB", "cost of a million bytes of text read", missing=True),
        Column("usd_per_mb_out", "number", "USD per MB", "cost of a million bytes of text written", missing=True),
    ),
)

FRONTIER = TableSpec(
    name="frontier",
    row="one model",
    columns=(
        MODEL,
        Column("ledger", "text", "", "measured or modelled"),
        Column("accuracy", "number", "fraction", "mean over the tasks that are no floor, on common items"),
        Column("accuracy_low", "number", "fraction", "lower end of its 95 per cent interval"),
        Column("accuracy_high", "number", "fraction", "upper end of its 95 per cent interval"),
        Column("usd_per_request", "number", "USD", "mean over the task classes"),
        Column("usd_per_request_low", "number", "USD", "lower end of its 95 per cent interval"),
        Column("usd_per_request_high", "number", "USD", "upper end of its 95 per cent interval"),
        Column("on_frontier", "flag", "", "no other model is as good and as cheap, and better in one"),
        Column("frontier_probability", "number", "probability", "of being on it, under the joint uncertainty"),
    ),
)

CASCADE = TableSpec(
    name="cascade",
    row="one share of items that go up to the teacher",
    columns=(
        Column("teacher", "text", "", "name of the teacher"),
        Column("student", "text", "", "name of the student"),
        Column("escalated", "number", "fraction", "items on which the student is least sure, sent up"),
        Column("accuracy", "number", "fraction", "of the cascade"),
        Column("cost_usd", "number", "USD", "of a request"),
        Column("mixture_accuracy", "number", "fraction", "at that cost, with items sent to the teacher at random"),
    ),
)

ALL_TABLES = (QUALITY, SAMPLES, PAIRS, SPEED, COST, USAGE, SHAPES, LEDGERS, FRONTIER, CASCADE)
