"""The reproduction of the paper: experiments, verdicts, reports and site, on top of the layer in ``sparcs``.

The workflow uses it from a checkout: ``python -m replication <verb>``.
"""
