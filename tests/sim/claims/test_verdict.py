"""The rules from scores and cells to verdicts, at their edges."""

from __future__ import annotations

import pytest

from sim.claims.claim import Cell, Criterion
from sim.claims.verdict import Scored, Share, of_share, of_sides, share_of, sides, together

ABOVE = Criterion("up", "above 1", "x", "above", 1.0)
BELOW = Criterion("down", "y below 0", "y", "below", 0.0)


def draws(*values: float, stderr: float = 0.0) -> list[Scored]:
    return [Scored(point, {"x": value}, {"x": stderr}) for point, value in enumerate(values)]


def cell(value: float, stderr: float) -> Cell:
    return Cell(f"{value}", value, value - 1.96 * stderr, value + 1.96 * stderr, "a test")


def test_the_share_counts_draws_in_which_all_criteria_hold() -> None:
    both = [
        Scored(0, {"x": 2.0, "y": -1.0}, {"x": 0.0, "y": 0.0}),
        Scored(1, {"x": 2.0, "y": 1.0}, {"x": 0.0, "y": 0.0}),
        Scored(2, {"x": 1.0, "y": -1.0}, {"x": 0.0, "y": 0.0}),  # at the threshold: it does not hold
        Scored(3, {"x": 9.0}, {"x": 0.0}),  # without one of the scores: no draw
    ]
    share = share_of([ABOVE, BELOW], both)
    assert (share.holds, share.draws) == (1, 3)


def test_the_interval_of_the_share_is_the_exact_one() -> None:
    # Clopper-Pearson for 20 of 20: low end (0.025)^(1/20).
    share = share_of([ABOVE], draws(*[2.0] * 20))
    assert share.low == pytest.approx(0.025 ** (1 / 20))
    assert share.high == 1.0


def test_more_replications_do_not_make_a_finding_of_few_draws() -> None:
    """The verdict counts draws of the assumptions; a smaller Monte Carlo error moves no draw to the other side."""
    values = [1.1] * 6 + [0.9] * 4
    rough, sharp = (share_of([ABOVE], draws(*values, stderr=stderr)) for stderr in (0.5, 1e-6))
    assert of_share(rough, 10) == of_share(sharp, 10) == "inconclusive"
    assert (rough.open_draws, sharp.open_draws) == (10, 0)


@pytest.mark.parametrize(
    ("holds", "verdict"),
    [(200, "supported"), (180, "supported"), (179, "inconclusive"), (21, "inconclusive"), (20, "not supported")],
)
def test_nine_draws_of_ten_support_and_one_of_ten_does_not(holds: int, verdict: str) -> None:
    share = share_of([ABOVE], draws(*[2.0] * holds, *[0.0] * (200 - holds)))
    assert of_share(share, 200) == verdict


def test_a_failed_control_or_missing_draws_leave_it_open() -> None:
    share = share_of([ABOVE], draws(*[2.0] * 20))
    assert of_share(share, 20, [True, True]) == "supported"
    assert of_share(share, 20, [True, False]) == "inconclusive"
    assert of_share(share, 30) == "inconclusive"
    assert of_share(Share(0, 0, 0.0, 1.0, 0), 20) == "inconclusive"


def test_cells_take_a_side_only_with_their_whole_corrected_interval() -> None:
    # z = 2.1 alone is beyond the 95% interval; beside a second cell that is on neither side Holm asks for z > 2.24.
    assert sides(ABOVE, [cell(1.0 + 2.1, 1.0)]) == [1]
    assert sides(ABOVE, [cell(1.0 + 2.1, 1.0), cell(1.0, 1.0)]) == [0, 0]
    assert sides(ABOVE, [cell(1.0 - 5.0, 1.0), cell(1.0 + 5.0, 1.0)]) == [-1, 1]
    assert sides(BELOW, [cell(-5.0, 1.0)]) == [1]


def test_a_skewed_interval_that_holds_the_threshold_takes_no_side() -> None:
    # Seen as symmetric, 5 would be 2.9 standard errors above 2; its own lower end is below it.
    assert sides(Criterion("up", "above 2", "x", "above", 2.0), [Cell("skewed", 5.0, 1.9, 6.0, "a test")]) == [0]


def test_verdicts_of_cells() -> None:
    assert of_sides([1, 1, 1], "all", 3) == "supported"
    assert of_sides([1, 1], "all", 3) == "inconclusive"
    assert of_sides([1, 0, 1], "all", 3) == "inconclusive"
    assert of_sides([-1], "all", 3) == "not supported"  # two more cells could not mend it
    assert of_sides([1, 1, 0], "most", 3) == "supported"
    assert of_sides([1, 1, -1, -1], "most", 3) == "not supported"
    assert of_sides([1, 0, 0, -1], "most", 3) == "inconclusive"
    assert of_sides([1, 1, 1], "all", 3, [False]) == "inconclusive"


def test_a_claim_is_as_good_as_its_parts() -> None:
    assert together(["supported", "supported"]) == "supported"
    assert together(["supported", "inconclusive"]) == "inconclusive"
    assert together(["supported", "not supported", "inconclusive"]) == "not supported"
    assert together([]) == "inconclusive"
