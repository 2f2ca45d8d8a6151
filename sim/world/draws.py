"""Keyed draws for players: 64 random bits from a stream's key and a count, without a state to carry.

The bits are those of splitmix64 (Steele, Lea and Flood 2014) at the place `count`: a multiple of the golden ratio,
finalised. So the n-th decision of a player sees the same bits whatever else happened, in Python and in compiled loops.
"""

from __future__ import annotations

import numpy as np

from sim.world.compiled import inlined, kernel
from sim.world.streams import Streams

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def draw_key(streams: Streams, name: str) -> np.uint64:
    """The key of the stream `name`."""
    low, high = (int(word) for word in streams.key(name))
    return np.uint64(low | high << 32)


@inlined
def bits(key, count):  # type: ignore[no-untyped-def]
    """64 random bits; `count` from 0, `key` uint64."""
    z = np.uint64(key + np.uint64(np.uint64(count) + np.uint64(1)) * GOLDEN)
    z = np.uint64((z ^ np.uint64(z >> np.uint64(30))) * _MIX1)
    z = np.uint64((z ^ np.uint64(z >> np.uint64(27))) * _MIX2)
    return np.uint64(z ^ np.uint64(z >> np.uint64(31)))


@kernel
def coin_and_choice(key, count, choices):  # type: ignore[no-untyped-def]
    """A uniform number in [0, 1) from the upper 40 bits and one of `choices` from the lower 24, of one draw."""
    z = bits(key, count)
    coin = np.float64(np.uint64(z >> np.uint64(24))) * 2.0**-40
    choice = np.int64(np.uint64(np.uint64(z & np.uint64(0xFFFFFF)) * np.uint64(choices)) >> np.uint64(24))
    return coin, choice
