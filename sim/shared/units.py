"""Units and the few constants that convert between them.

Time in the market is days; prices are USD per million tokens (Mtok); money is float USD and rounded only where it is
shown. A year has 365 days everywhere, so that a rate per year means one thing.
"""

from __future__ import annotations

DAYS_PER_YEAR = 365.0
DAYS_PER_MONTH = DAYS_PER_YEAR / 12.0
SECONDS_PER_HOUR = 3600.0
TOKENS_PER_MTOK = 1e6
BYTES_PER_MB = 1e6
BYTES_PER_MIB = 2**20


def usd_per_mtok(usd_per_hour: float, tokens_per_s: float) -> float:
    """USD per million tokens of a machine rented at `usd_per_hour` that processes `tokens_per_s`.

    Raises:
        ValueError: if `tokens_per_s` is not positive.
    """
    if not tokens_per_s > 0:
        raise ValueError(f"tokens_per_s must be positive, received {tokens_per_s!r}")
    return usd_per_hour / SECONDS_PER_HOUR / tokens_per_s * TOKENS_PER_MTOK
