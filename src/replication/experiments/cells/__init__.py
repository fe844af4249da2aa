"""The search on NAS-Bench-201's cells: the space, a supernet over it, the tabular benchmark."""
