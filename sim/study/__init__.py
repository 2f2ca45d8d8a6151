"""Experiments on the market: paired comparisons and what an entry changed."""
