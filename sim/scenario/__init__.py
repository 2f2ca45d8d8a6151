"""What may happen in a market, as frozen and validated data."""
