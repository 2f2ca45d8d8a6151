"""What both halves stand on: errors, units, paths, tables, manifests, the catalog. Imports nothing of ours."""
