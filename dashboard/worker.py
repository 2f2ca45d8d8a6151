"""A worker process of the dashboard: runs one market at a time, asked over its standard input, until that is closed.

Each message is a pickled `Task`, answered by a pickled `Reply`, both between processes of one program on one machine.
When the server dies, however it dies, the pipe closes and the worker ends with it.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import UndercutError
from sim.shared.manifest import Input

if TYPE_CHECKING:
    import pandas as pd

SHOWN_TABLES = ("market", "shares", "offers", "prices", "events", "ledger")


@dataclass(frozen=True)
class Task:
    """One market, run once: draw 0 is the catalog's point estimate."""

    scenario: Scenario
    catalog: Catalog
    seed: int
    draw: int


@dataclass(frozen=True)
class OneRun:
    """What the pages show of one run.

    Attributes:
        tables: those of `SHOWN_TABLES`, by name.
        inputs: what was measured, cited or assumed; named by the run of draw 0 alone.
    """

    tables: dict[str, pd.DataFrame]
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class Reply:
    """A run, or the error that stopped it."""

    run: OneRun | None
    error: UndercutError | None = None


def run_once(task: Task) -> OneRun:
    """One run; its tables equal the rows that `runner.run` gives for this draw.

    Raises:
        UndercutError: whatever the market refuses.
    """
    from sim import metrics
    from sim.market import Market
    from sim.runner import run

    if task.draw == 0:
        result = run(task.scenario, task.catalog, task.seed)
        return OneRun(_shown(result.tables), result.inputs)
    # The runner makes draws from the first on; pages want them one by one, each shown as soon as it is there.
    tables: dict[str, Any] = dict(Market(task.scenario, task.catalog, task.seed, 0, task.draw).run().tables)
    tables["shares"] = metrics.shares(tables)
    tables["market"] = metrics.market(tables, tables["shares"])
    return OneRun(_shown(tables), ())


def _shown(tables: Mapping[str, Any]) -> dict[str, Any]:
    """What the pages read."""
    return {name: tables[name] for name in SHOWN_TABLES}


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer tasks until `requests` is closed."""
    while True:
        try:
            task: Task = pickle.load(requests)
        except EOFError:
            return
        try:
            reply = Reply(run_once(task))
        except UndercutError as error:
            reply = Reply(None, error)
        pickle.dump(reply, replies, protocol=pickle.HIGHEST_PROTOCOL)
        replies.flush()


def main() -> None:
    """Speak over the standard streams; whatever else prints is sent to stderr, away from the replies."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        serve(sys.stdin.buffer, replies)
    except (KeyboardInterrupt, BrokenPipeError):
        # Ctrl-C reaches the whole group of processes; the server says what there is to say.
        os._exit(0)
