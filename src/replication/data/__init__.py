"""Data sets: the α/β family of experiment 1, the SO(n) teacher of experiment 2, the images of experiments 3 and 4."""
