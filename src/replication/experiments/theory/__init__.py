"""What holds for every network: the identities, the perceptron start, and the mistakes of the paper's text."""
