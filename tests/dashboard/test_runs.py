from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from dashboard.load import PairedRuns, question
from dashboard.runs import Key, Runs, Worker, WorkerLost
from dashboard.worker import SHOWN_TABLES, Task
from sim.runner import run
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.study.entry import entry_answer, run_entry


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    made = Runs(2)
    yield made
    made.close()


def test_draws_made_one_by_one_are_those_of_the_runner(
    runs: Runs, small_expected: Scenario, small_catalog: Catalog
) -> None:
    paired = PairedRuns(runs, question(small_expected, small_catalog, 3, 3))
    assert list(paired.refine()) == [1, 2, 3]
    pair = paired.pair(3)
    whole = run(small_expected, small_catalog, seed=3, catalog_draws=3)
    for name in SHOWN_TABLES:
        assert pair.with_entry.tables[name].equals(whole.tables[name]), name
    assert pair.with_entry.settings == whole.settings
    assert pair.with_entry.inputs == whole.inputs


def test_the_answer_is_the_studys(runs: Runs, small_expected: Scenario, small_catalog: Catalog) -> None:
    pair = PairedRuns(runs, question(small_expected, small_catalog, 3, 0)).best_known()
    assert entry_answer(pair.with_entry, pair.without, 3) == entry_answer(
        *run_entry(small_expected, small_catalog, 3), 3
    )


def test_what_the_market_refuses_reaches_the_page(runs: Runs, small_expected: Scenario, empty_catalog: Catalog) -> None:
    with pytest.raises(InputError, match="best"):
        PairedRuns(runs, question(small_expected, empty_catalog, 3, 0)).best_known()


def test_a_lost_worker_is_one_message_and_the_next_run_works(small_expected: Scenario, small_catalog: Catalog) -> None:
    runs = Runs(1)
    worker = runs._idle.get()
    runs._idle.put(worker)
    key, task = Key("", small_expected.sha256, "", 0, 0), Task(small_expected, small_catalog, 0, 0)
    os.kill(worker.pid, 9)
    time.sleep(0.2)
    assert set(runs.submit(key, task).result().tables) == set(SHOWN_TABLES)
    runs.close()
    worker = Worker()
    os.kill(worker.pid, 9)
    with pytest.raises(WorkerLost, match="try again"):
        worker.run(task)


def test_a_worker_ends_when_its_server_does() -> None:
    worker = Worker()
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    assert worker._process.wait(timeout=20) == 0
