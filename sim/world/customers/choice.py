"""The compiled parts of choice that both populations share: success, utility and volume.

    u_ij = W(B_ij) - W(p_ij) - S_i * 1[j is not k, j is not 0]      u_i0 = a0      (plus mu_i * eps_ij)
    B_ij = v_i * succ - harm_i * (1 - succ) + fit_j * v_i - latency_j
    W(y) = pbar * (y/pbar)^(1+eta) / (1+eta) for y >= 0, y for y < 0

so that the derivative of expected surplus in price is minus demand, x0 * (p/pbar)^eta * P.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.world.board import Board
from sim.world.compiled import inlined


@inlined
def curved(y, reference, eta):  # type: ignore[no-untyped-def]
    """W(y), in the units of y."""
    if eta == 0.0 or y < 0.0:
        return y
    return reference * (y / reference) ** (1.0 + eta) / (1.0 + eta)


@inlined
def benefit(value, harm, exp_difficulty, exp_minus_theta, quality, identity, fit_share, latency):  # type: ignore[no-untyped-def]
    """B, USD per request."""
    success = quality if identity else 1.0 / (1.0 + exp_difficulty * exp_minus_theta)
    return value * success - harm * (1.0 - success) + fit_share * value - latency


@dataclass(frozen=True)
class ClassBoard:
    """What customers of one task class see of the board; arrays of shape (J,)."""

    exp_minus_theta: np.ndarray
    quality: np.ndarray
    identity: bool
    fit_share: np.ndarray
    latency_usd: np.ndarray
    on_sale: np.ndarray
    price_usd: np.ndarray
    curved_price_usd: np.ndarray
    volume: np.ndarray
    reference_usd: float
    eta: float


def class_board(board: Board, task: int, eta: float) -> ClassBoard:
    """The board as class `task` sees it; `volume` is (p/pbar)^eta, requests over x0."""
    price = board.price_usd[task].copy()
    reference = float(board.reference_usd[task])
    ratio = np.maximum(price / reference, 1e-9)
    positive = reference * ratio ** (1.0 + eta) / (1.0 + eta)
    return ClassBoard(
        exp_minus_theta=np.exp(-board.theta[task]),
        quality=board.quality[task].copy(),
        identity=bool(board.identity[task]),
        fit_share=board.taste_share,
        latency_usd=board.latency_usd[task],
        on_sale=board.on_sale.copy(),
        price_usd=price,
        curved_price_usd=price if eta == 0.0 else positive,
        volume=ratio**eta if eta != 0.0 else np.ones_like(price),
        reference_usd=reference,
        eta=eta,
    )
