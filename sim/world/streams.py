"""Random streams, one for each decision, named after it.

A stream is `SeedSequence(entropy=seed, spawn_key=(replication, first 8 bytes of blake2b(name)))`. Nothing is shared:
a new provider, a changed price or another order of events changes no other draw. Python's `hash` is salted and is
never used for a key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Streams:
    """The streams of one replication."""

    seed: int
    replication: int

    def sequence(self, name: str) -> np.random.SeedSequence:
        """The seed sequence of the decision `name` ("customers/review", "lab/acme/training_noise")."""
        return np.random.SeedSequence(entropy=self.seed, spawn_key=(self.replication, name_key(name)))

    def generator(self, name: str) -> np.random.Generator:
        """A fresh generator at the start of the stream `name`."""
        return np.random.Generator(np.random.PCG64(self.sequence(name)))

    def key(self, name: str) -> np.ndarray:
        """Two 32-bit words that key counter-based draws of the stream `name`; shape (2,), uint32."""
        return self.sequence(name).generate_state(2, dtype=np.uint32)


def name_key(name: str) -> int:
    """The first 8 bytes of blake2b of a name, as an integer."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8")).digest()[:8], "big")
