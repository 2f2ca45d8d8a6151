"""What a fleet serves, refuses and costs, and how long its requests wait."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from supply import SHAPE, fleet

from sim.scenario.fleet import Fleet, ModelShape
from sim.shared import roofline
from sim.shared.hardware import accelerator, rent_at
from sim.theory.queue import waiting
from sim.validate.queue import Queue, simulate
from sim.world.serving import FleetState, fleet_cost, work_s
from sim.world.streams import Streams

START = datetime.date(2026, 11, 24)
DENSE = ModelShape.model_validate(SHAPE)
MIXTURE = ModelShape(active_params=7e9, total_params=112e9, layers=28, kv_bytes_per_token=1.0)


def state(replicas: int, load: float, mean_work_s: float = 0.5, **changes: object) -> FleetState:
    plan = Fleet.model_validate(fleet(replicas=replicas, **changes))
    return FleetState("alpha", plan, 24.0, np.ones((1, 1)), replicas, load=load, mean_work_s=mean_work_s)


def written(shape: ModelShape, batch: int) -> float:
    plan = Fleet.model_validate(fleet(batch=batch, accelerators_per_replica=8, context_tokens=1))
    return fleet_cost(plan, shape, START).output_usd_per_mtok


def test_the_cost_is_the_rooflines_at_the_planned_utilisation() -> None:
    cost = fleet_cost(Fleet.model_validate(fleet()), DENSE, START)
    shape = roofline.Shape(7e9, 7e9, 28, 57344)
    read, write = roofline.serving_cost_usd_per_mtok(
        shape, accelerator("L40S 48GB"), roofline.Serving(batch=16, context_tokens=2048, utilisation=0.6), 1.0
    )
    assert (cost.input_usd_per_mtok, cost.output_usd_per_mtok) == pytest.approx((read, write), rel=1e-12)


def test_a_mixture_costs_by_its_active_parameters_alone_at_batch_1_and_at_large_batches() -> None:
    many = 200_000
    dense_of_active = ModelShape(active_params=7e9, total_params=7e9, layers=28, kv_bytes_per_token=1.0)
    assert written(MIXTURE, 1) == pytest.approx(written(dense_of_active, 1), rel=1e-9)
    assert written(MIXTURE, many) == pytest.approx(written(dense_of_active, many), rel=1e-9)
    # In between the memory of all experts is read once for the batch: b*total/batch.
    overhead = 28 * roofline.OVERHEAD_S_PER_LAYER
    device = accelerator("L40S 48GB")
    read_s = 112e9 * 2 / (8 * device.bandwidth_bytes_per_s * roofline.DECODE_BANDWIDTH)
    expected = 8 * 1.0 / 3600 * (overhead + read_s) / 128 / 0.6 * 1e6
    assert written(MIXTURE, 128) == pytest.approx(expected, rel=1e-3)


def test_costs_fall_with_batch_and_rise_with_parameters() -> None:
    assert written(MIXTURE, 16) > written(MIXTURE, 64) > written(MIXTURE, 256)
    larger = MIXTURE.model_copy(update={"total_params": 224e9})
    assert written(larger, 64) > written(MIXTURE, 64)


def test_a_fleet_in_full_use_earns_its_rent_at_cost() -> None:
    plan = Fleet.model_validate(fleet())
    mtok = np.array([[600.0, 400.0, 350.0]]) / 1e6
    vector = fleet_cost(plan, DENSE, START)
    cost = mtok[0] @ np.array([vector.input_usd_per_mtok, vector.cached_usd_per_mtok, vector.output_usd_per_mtok])
    requests_per_hour = 3600 * plan.utilisation / work_s(plan, DENSE, mtok)[0]
    assert requests_per_hour * cost == pytest.approx(1.0, rel=1e-12)


def test_the_wait_is_erlangs_and_that_of_a_queue_simulated_request_by_request() -> None:
    part = state(2, load=1.7, batch=2, mean_work_s=0.25)  # 4 places, each busy for half a second with a request
    closed = waiting(1.7 * 2 / 0.5, 1 / 0.5, 4).mean
    assert part.wait_s() == pytest.approx(closed, rel=1e-12)
    assert part.utilisation == pytest.approx(0.85)
    queue = Queue(1.7 * 2 / 0.5, 1 / 0.5, 4, 1.7 * 2 / 0.5)
    simulated = np.mean([simulate(queue, 20_000, Streams(0, number))[1] for number in range(10)])
    assert part.wait_s() == pytest.approx(simulated, rel=0.1)


def test_waits_rise_with_load_and_fall_with_replicas() -> None:
    waits = [state(4, load, batch=2).wait_s() for load in (0.0, 2.0, 3.0, 3.6, 3.8, 4.5, 9.0)]
    assert waits == sorted(waits)
    assert waits[0] == 0.0
    assert state(8, 3.6, batch=2).wait_s() < state(4, 3.6, batch=2).wait_s()


def test_what_exceeds_the_admitted_capacity_is_refused_and_gives_up() -> None:
    part = state(4, load=7.6)
    assert part.served_share(7.6) == pytest.approx(0.5)
    assert part.served_share(3.8) == 1.0
    assert 15.0 <= part.wait_s() <= 30.0
    nothing = state(0, load=1.0)
    assert (nothing.served_share(1.0), nothing.wait_s()) == (0.0, 30.0)


def test_a_fleet_without_bound_serves_everything_at_once() -> None:
    plan = Fleet.model_validate(fleet(replicas=None, rented=False))
    part = FleetState("alpha", plan, 0.0, np.ones((1, 1)), None, load=1e9, mean_work_s=1.0)
    assert (part.served_share(1e9), part.wait_s()) == (1.0, 0.0)


def test_rents_are_those_known_by_the_date() -> None:
    assert rent_at("H100 SXM 80GB", datetime.date(2025, 1, 20)).date == "2024-12"
    assert rent_at("H100 SXM 80GB", START).usd_per_hour == 2.69
    with pytest.raises(Exception, match="2024-12"):
        rent_at("H100 SXM 80GB", datetime.date(2024, 1, 1))
