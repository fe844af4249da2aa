"""Other ways to search for a small network, on the data of experiments 1 and 2."""
