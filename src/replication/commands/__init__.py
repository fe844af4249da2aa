"""The edge: what each verb reads, calls and writes. One module per group of rules."""
