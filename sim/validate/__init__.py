"""The proof ladder: textbook markets, run through the market, beside their closed forms."""
