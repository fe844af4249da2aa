"""What trainings share: the fused kernels, Adam, seeds, threads, memory, checkpoints, the heads that are compared."""
