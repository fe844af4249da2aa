"""Carrying out the jobs of any experiment, and gathering what they have written."""
