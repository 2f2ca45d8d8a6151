"""Where the points of a sweep are run: worker processes of this machine, or a Ray cluster. One protocol for both."""
