"""Logarithm, exponential and keyed exponentials in single precision, written so that loops over rows are vectorised.

Polynomials were fitted by Chebyshev interpolation on the reduced range; the relative error of each is below 3e-7, less
than float32 keeps. Used for sampled choices, whose noise is larger by orders of magnitude; nodes and policies use the
exact functions.
"""

from __future__ import annotations

import numpy as np

from sim.world.compiled import inlined

_LN2 = np.float32(0.6931471805599453)
_LOG2E = np.float32(1.4426950408889634)
_SQRT2 = np.float32(1.4142135623730951)
_SCALE = np.float32(2.0**-32)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)


@inlined
def _log1p_reduced(t):  # type: ignore[no-untyped-def]
    """ln(1 + t) for t in [sqrt(1/2) - 1, sqrt(2) - 1]; keeps relative precision at 0."""
    p = np.float32(0.08744053119038617)
    p = p * t + np.float32(-0.14377504977774988)
    p = p * t + np.float32(0.14949134857351956)
    p = p * t + np.float32(-0.1656067529894424)
    p = p * t + np.float32(0.19956971872197393)
    p = p * t + np.float32(-0.25002154152582395)
    p = p * t + np.float32(0.33334183503865106)
    p = p * t + np.float32(-0.4999998702634111)
    p = p * t + np.float32(0.9999999742608919)
    return p * t


@inlined
def log_f32(x):  # type: ignore[no-untyped-def]
    """Natural logarithm of a positive normal float32."""
    bits = np.float32(x).view(np.int32)
    exponent = np.int32(np.int32(bits >> np.int32(23)) - np.int32(127))
    mantissa = np.int32(np.int32(bits & np.int32(0x7FFFFF)) | np.int32(0x3F800000)).view(np.float32)
    large = mantissa > _SQRT2
    mantissa = mantissa * _HALF if large else mantissa
    exponent = np.int32(exponent + np.int32(1)) if large else exponent
    return np.float32(exponent) * _LN2 + _log1p_reduced(np.float32(mantissa - _ONE))


@inlined
def exp_f32(x):  # type: ignore[no-untyped-def]
    """exp(x), float32; arguments outside [-87, 88] are held at the ends."""
    y = min(max(np.float32(x), np.float32(-87.0)), np.float32(88.0)) * _LOG2E
    n = np.float32(np.floor(y + _HALF))
    f = np.float32(y - n)
    p = np.float32(0.0013400436944601927)
    p = p * f + np.float32(0.009676041928710676)
    p = p * f + np.float32(0.05550327202261298)
    p = p * f + np.float32(0.24022107265252218)
    p = p * f + np.float32(0.6931472067162205)
    p = p * f + np.float32(1.0000000755142195)
    scale = np.int32(np.int32(np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return p * scale


@inlined
def mixed(customer, review, stream0, stream1, offer0, offer1):  # type: ignore[no-untyped-def]
    """32 well-mixed bits from two words each of stream and offer, the customer and the review.

    The steps are those of 32-bit murmur finalisers; the second words enter half way, so that 64 bits are keyed. Every
    step is cast back: numba widens 32-bit products to 64 bits.
    """
    h = np.uint32(np.uint32(np.uint32(customer) * np.uint32(0x9E3779B1)) ^ np.uint32(stream0 ^ offer0))
    h = np.uint32(h ^ np.uint32(h >> np.uint32(16)))
    h = np.uint32(h * np.uint32(0x7FEB352D))
    h = np.uint32(h ^ np.uint32(h >> np.uint32(15)))
    h = np.uint32(h + np.uint32(np.uint32(np.uint32(review) * np.uint32(0x85EBCA77)) ^ np.uint32(stream1 ^ offer1)))
    h = np.uint32(h * np.uint32(0x846CA68B))
    h = np.uint32(h ^ np.uint32(h >> np.uint32(16)))
    h = np.uint32(h * np.uint32(0x9E485565))
    return np.uint32(h ^ np.uint32(h >> np.uint32(15)))


@inlined
def exponential_f32(h):  # type: ignore[no-untyped-def]
    """A standard exponential from 32 random bits, -ln(1 - u) with u = (h + 1/2)/2^32, precise at both ends.

    Near 0, where the largest Gumbels come from, u itself is used; elsewhere 1 - u, taken from the inverted bits.
    """
    u = np.float32((np.float32(h) + _HALF) * _SCALE)
    v = np.float32((np.float32(np.uint32(~h)) + _HALF) * _SCALE)
    bits = np.float32(v).view(np.int32)
    exponent = np.int32(np.int32(bits >> np.int32(23)) - np.int32(127))
    mantissa = np.int32(np.int32(bits & np.int32(0x7FFFFF)) | np.int32(0x3F800000)).view(np.float32)
    large = mantissa > _SQRT2
    mantissa = mantissa * _HALF if large else mantissa
    exponent = np.int32(exponent + np.int32(1)) if large else exponent
    small = u < np.float32(0.25)
    t = -u if small else np.float32(mantissa - _ONE)
    whole = np.float32(0.0) if small else np.float32(exponent)
    return -(whole * _LN2 + _log1p_reduced(t))
