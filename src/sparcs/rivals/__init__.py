"""SPARCS and its rivals: ways to search for a small network, one file each, on one search space and one protocol.

A rival is a module with a function ``search(task, strengths, seed, **options)`` that returns one ``Found`` for each
strength of the size penalty; ``params.yaml`` names the module and its options. ``task`` holds what all share, the
data, the batches and the number of steps; ``supernet`` the maximal network with gates; ``gated`` the training of
weights and gates that the differentiable methods and the controller have in common.
"""
