"""The markers of tests that run apart, with a command each."""

APART = ("environments", "situations", "types", "artifacts", "interop", "slurm", "container", "reliability")
