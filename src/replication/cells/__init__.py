"""The NAS-Bench-201 cell space: cells, a supernet over all of them, its search, the tabular benchmark."""
