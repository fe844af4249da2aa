"""Experiment 2: a student with two hidden layers and a teacher with one (Section 5, Table 4)."""
