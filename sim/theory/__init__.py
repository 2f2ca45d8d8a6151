"""Closed forms and reference games, pure: what the market must give where a textbook applies."""
