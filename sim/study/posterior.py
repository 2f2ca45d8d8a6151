"""A posterior for any observation, learned once from simulated pairs: the one adapter to sbi and its tensors.

Neural posterior estimation (Papamakarios and Murray 2016; Greenberg, Nonnenmacher and Macke 2019) trains a conditional
density of parameters given summaries on draws from the prior and what the market made of them. It is amortised: a
posterior of another observation costs no new simulation, which is what makes checks on hundreds of synthetic data sets
cheap. Nets that differ in their start and their split are mixed in equal parts, because one net that is trained on a
thousand markets is as a rule too sure of itself (Hermans et al. 2022), and a mixture is wider where nets disagree.

Parameters are standard normal here (`sim.study.priors`), so that nothing can leak over the end of a range. All of sbi
and torch is imported inside functions.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.shared.errors import CheckFailed, MissingExtra

NETS = 2
LEAST_PAIRS = 100
MOST_EPOCHS = 400
BATCH, HIDDEN, TRANSFORMS, LEARNING_RATE = 64, 32, 4, 1e-3


@dataclass(frozen=True)
class Posterior:
    """Nets, each a density of P parameters given S summaries."""

    nets: tuple[Any, ...]

    def draw(self, observed: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Draws of standard normal parameters, shape (count, B, P), for observations of shape (B, S).

        The same arguments give the same draws; draws of one net do not follow those of another, so that any part of
        them is a draw from the mixture.
        """
        import torch

        condition = torch.as_tensor(np.asarray(observed), dtype=torch.float32)
        generator = np.random.default_rng(seed)
        shares = np.bincount(generator.integers(0, len(self.nets), size=count), minlength=len(self.nets))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            parts = [
                net.sample(torch.Size([int(share)]), condition=condition).numpy()
                for net, share in zip(self.nets, shares, strict=True)
                if share
            ]
        drawn: np.ndarray = np.concatenate(parts).astype(float)
        return drawn[generator.permutation(count)]


def learn(
    parameters: np.ndarray,
    summaries: np.ndarray,
    seed: int = 0,
    nets: int = NETS,
    on_net: Callable[[], None] = lambda: None,
) -> Posterior:
    """Train on simulated pairs.

    Args:
        parameters: draws from the prior, standard normal, shape (N, P).
        summaries: what they made, errors of observation added, shape (N, S); finite.
        seed: of the nets' starts and of their splits.
        nets: how many are mixed.
        on_net: called when one is trained.

    Raises:
        MissingExtra: if sbi is not installed.
        CheckFailed: for fewer pairs than anything can be learned from.
    """
    check_installed()
    if len(parameters) < LEAST_PAIRS:
        raise CheckFailed(f"{len(parameters)} markets are left to learn from; {LEAST_PAIRS} are the least")
    import torch
    from sbi.inference import NPE
    from sbi.neural_nets import posterior_nn

    theta, x = (torch.as_tensor(np.asarray(part), dtype=torch.float32) for part in (parameters, summaries))
    width = theta.shape[1]
    trained = []
    with torch.random.fork_rng(devices=[]):
        for number in range(nets):
            torch.manual_seed(seed + number)
            build = posterior_nn(model="maf", hidden_features=HIDDEN, num_transforms=TRANSFORMS)
            prior = torch.distributions.MultivariateNormal(torch.zeros(width), torch.eye(width))
            trainer = NPE(prior=prior, density_estimator=build, show_progress_bars=False, tracker=_Silent())
            # sbi says on stdout that it has converged; stdout is for data.
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                net = trainer.append_simulations(theta, x).train(
                    training_batch_size=min(BATCH, len(theta) // 4),
                    learning_rate=LEARNING_RATE,
                    max_num_epochs=MOST_EPOCHS,
                )
            trained.append(net.eval())
            on_net()
    return Posterior(tuple(trained))


def check_installed() -> None:
    """Raise unless sbi can be imported; to be asked before long work.

    Raises:
        MissingExtra: names the extra.
    """
    import importlib.util

    if importlib.util.find_spec("sbi") is None:
        raise MissingExtra("sbi", "calibrate")


class _Silent:
    """A tracker that keeps nothing; sbi's own writes a folder into the one where the command runs."""

    log_dir = None

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Drop it."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Drop them."""

    def log_params(self, params: dict[str, Any]) -> None:
        """Drop them."""

    def add_figure(self, name: str, figure: Any, step: int | None = None) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Nothing to write."""
