"""What both halves of Undercut stand on: errors, units, paths, tables, manifests, the catalog. Imports nothing of ours."""
