"""The reproduction of the paper: experiments, verdicts, reports and site, on top of the layer in ``sparcs``.

Used from a checkout by the workflow: ``python -m replication <verb>``.
"""
