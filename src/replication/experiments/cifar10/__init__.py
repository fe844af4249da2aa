"""Experiment 3: a convolutional network from scratch on CIFAR-10 (Table 5)."""
