"""The experiments: train the trials of one job and measure them."""
