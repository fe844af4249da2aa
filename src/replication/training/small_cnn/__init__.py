"""The fused CPU kernel of experiment 3: the small convolutional network with a linear or a spectral head."""
