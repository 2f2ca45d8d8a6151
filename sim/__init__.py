"""The market: labs, hosts, platforms and customers competing under distillation."""
