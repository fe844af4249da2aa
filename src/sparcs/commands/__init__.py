"""The edge: what each verb of ``sparcs`` reads, calls and writes. One module per group of rules."""
