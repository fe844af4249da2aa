"""SPARCS and the baselines: ways to search for a small network, one file each, on one search space and one protocol.

A baseline is a module with a function ``search(task, strengths, seeds, **options)`` that returns a ``SearchResult`` for
each run. Run k has the strength ``strengths[k]`` of the size penalty and the seed ``seeds[k]``; it depends on nothing
else. ``params.yaml`` names the module and its options. ``task`` holds what all share, the data, the batches and the
number of steps; ``supernet`` the maximal network with gates; ``gated`` the training of weights and gates that the
differentiable methods and the controller have in common.
"""

import os

# MKL may otherwise round by where in memory a matrix begins, and that of a run begins where the one before it ends. It
# reads this once, at the first product of a process. So one that has trained for another experiment rounds as it did.
os.environ.setdefault("MKL_CBWR", "AUTO")
