"""Data sets: the α/β family of experiment 1 and the SO(n) teacher of experiment 2."""
