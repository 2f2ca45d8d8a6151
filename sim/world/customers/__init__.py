"""The customers as columns, and the two populations that choose: sampled rows and expected nodes."""
