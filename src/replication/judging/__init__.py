"""How a claim is judged: regions, verdicts, intervals."""
