"""Experiment 1: the α/β family (Section 5, Table 3)."""
