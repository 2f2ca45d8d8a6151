"""The losses against automatic differentiation, and the tail's estimator against the truth by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from evalsuite.distill.access import TopEntries  # noqa: E402
from evalsuite.distill.losses import (  # noqa: E402
    FullTargets,
    SparseTargets,
    TextTargets,
    evaluate,
    rounded,
    sparse_targets,
)
from evalsuite.distill.teacher import entries  # noqa: E402

POSITIONS, WIDTH, VOCABULARY = 600, 8, 20  # more positions than are computed at once


def student() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    hidden = torch.randn(POSITIONS, WIDTH, dtype=torch.float64, requires_grad=True)
    return hidden, torch.randn(VOCABULARY, WIDTH, dtype=torch.float64, requires_grad=True)


def agrees(found: object, wanted: torch.Tensor, hidden: torch.Tensor, head: torch.Tensor) -> None:
    wanted.backward()
    assert found.loss == pytest.approx(wanted.item(), rel=1e-5)  # type: ignore[attr-defined]
    assert torch.allclose(found.hidden_gradient, hidden.grad, atol=1e-7)  # type: ignore[attr-defined]
    assert torch.allclose(found.head_gradient.double(), head.grad, atol=1e-5)  # type: ignore[attr-defined]


def test_the_full_loss_and_its_gradients_are_those_of_the_formula() -> None:
    hidden, head = student()
    theirs, other = torch.randn(POSITIONS, 5).double(), torch.randn(VOCABULARY, 5).double()
    found = evaluate(hidden.detach(), head.detach(), FullTargets(theirs, other), train_head=True)
    wanted = torch.nn.functional.kl_div(
        torch.log_softmax(hidden @ head.T, -1), torch.log_softmax(theirs @ other.T, -1), log_target=True,
        reduction="sum",
    ) / POSITIONS  # fmt: skip
    agrees(found, wanted, hidden, head)


def test_the_full_loss_of_rounded_probabilities_is_that_of_what_was_given() -> None:
    hidden, head = student()
    theirs, other = torch.randn(POSITIONS, 5).double(), torch.randn(VOCABULARY, 5).double()
    given = rounded(torch.log_softmax((theirs @ other.T).float(), -1), 1)
    assert not torch.allclose(given, torch.log_softmax((theirs @ other.T).float(), -1), atol=1e-3)
    found = evaluate(hidden.detach(), head.detach(), FullTargets(theirs, other, 1), train_head=True)
    wanted = torch.nn.functional.kl_div(
        torch.log_softmax(hidden @ head.T, -1), given.double(), log_target=True, reduction="sum"
    )
    agrees(found, wanted / POSITIONS, hidden, head)


def test_the_sparse_loss_and_its_gradients_are_those_of_the_formula_with_repeated_tokens() -> None:
    hidden, head = student()
    ids = torch.randint(0, VOCABULARY, (POSITIONS, 6))
    ids[:, 5] = ids[:, 4]  # a token drawn twice
    weights = torch.softmax(torch.randn(POSITIONS, 6), -1)
    found = evaluate(hidden.detach(), head.detach(), SparseTargets(ids, weights), train_head=True)
    log_q = torch.log_softmax(hidden @ head.T, -1)
    agrees(found, -(weights * log_q.gather(1, ids)).sum() / POSITIONS, hidden, head)


def test_the_loss_on_text_and_its_gradients_are_those_of_cross_entropy() -> None:
    hidden, head = student()
    tokens = torch.randint(0, VOCABULARY, (POSITIONS,))
    found = evaluate(hidden.detach(), head.detach(), TextTargets(tokens), train_head=True)
    agrees(found, torch.nn.functional.cross_entropy(hidden @ head.T, tokens), hidden, head)


def test_without_being_asked_the_head_gets_no_gradient() -> None:
    hidden, head = student()
    assert evaluate(hidden.detach(), head.detach(), TextTargets(torch.zeros(POSITIONS).long())).head_gradient is None


def test_over_all_draws_the_sparse_gradient_is_that_of_the_full_distribution_and_the_cut_one_is_not() -> None:
    torch.manual_seed(3)
    vocabulary, k, draws = 6, 2, 2
    p = torch.softmax(torch.randn(vocabulary) * 1.5, -1).double()
    likely = p.topk(k).indices
    tail = [token for token in range(vocabulary) if token not in likely.tolist()]
    mass = float(p[tail].sum())
    hidden, head = torch.randn(1, 4).double(), torch.randn(vocabulary, 4).double()
    log_p = np.log(p[likely].numpy())[None]

    def gradient(drawn: tuple[int, ...], renormalised: bool) -> torch.Tensor:
        ids = np.array([[*likely.tolist(), *drawn]])
        targets = sparse_targets(ids, log_p, np.array([mass]), renormalised)
        return evaluate(hidden, head, targets).hidden_gradient

    expected = torch.zeros(1, 4).double()
    for drawn in itertools.product(tail, repeat=draws):
        chance = float(np.prod([p[token] / mass for token in drawn]))
        expected += chance * gradient(drawn, renormalised=False)
    q = torch.softmax(hidden @ head.T, -1)
    exact = (q - p) @ head
    assert torch.allclose(expected, exact, atol=1e-6)
    cut = gradient(tuple(tail[:draws]), renormalised=True)
    assert not torch.allclose(cut, exact, atol=1e-2)


def test_the_entries_that_a_teacher_gives_have_the_tail_drawn_by_its_probabilities() -> None:
    torch.manual_seed(0)
    p = torch.softmax(torch.randn(8), -1)
    regime = TopEntries(k=2, tail_draws=1)
    kind = np.dtype([("ids", "<u2", (3,)), ("log_probs", "<f2", (2,)), ("tail", "<f4")])
    told = entries(p.log().expand(20_000, 8), regime, 0, kind)
    drawn = np.bincount(told["ids"][:, 2], minlength=8) / len(told)
    likely = p.topk(2).indices.numpy()
    assert not drawn[likely].any()
    rest = p.numpy().copy()
    rest[likely] = 0.0
    assert np.allclose(drawn, rest / rest.sum(), atol=0.012)  # 3 standard errors of a share of a half
    weights = sparse_targets(told["ids"], told["log_probs"], told["tail"], renormalised=False).weights
    assert torch.allclose(weights.sum(-1), torch.ones(len(told)), atol=1e-6)


def test_a_tail_without_mass_weighs_nothing() -> None:
    log_p = torch.tensor([[0.0, -200.0, -200.0, -200.0]])
    kind = np.dtype([("ids", "<u2", (2,)), ("log_probs", "<f2", (1,)), ("tail", "<f4")])
    told = entries(log_p, TopEntries(k=1, tail_draws=1), 0, kind)
    assert sparse_targets(told["ids"], told["log_probs"], told["tail"], False).weights.tolist() == [[1.0, 0.0]]
