"""Experiment 4: heads on a pre-trained backbone, CIFAR-100 (Section 6, Table 5)."""
