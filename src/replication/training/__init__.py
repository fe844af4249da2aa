"""The shared parts of trainings: fused kernels, Adam, seeds, threads, memory, checkpoints, the compared heads."""
