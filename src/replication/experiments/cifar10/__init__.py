"""Experiment 3: a convolutional network from scratch on CIFAR-10 (Section 6, Table 5)."""
