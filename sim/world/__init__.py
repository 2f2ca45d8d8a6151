"""The state of the market: random streams, what is on sale, who buys, and the books."""
