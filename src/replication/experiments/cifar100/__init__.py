"""Experiment 4: heads on a pre-trained backbone, CIFAR-100 (Table 5)."""
