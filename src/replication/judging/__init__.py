"""The judging of claims: regions, verdicts, intervals."""
