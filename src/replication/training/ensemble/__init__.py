"""Many small networks trained at once: a fused CPU kernel for 2-H-1, and PyTorch for any widths and device.

``training`` says what to train and what comes back; ``kernel`` and ``batched`` are the two backends. Nothing heavy is
imported here: the kernel never needs torch.
"""
