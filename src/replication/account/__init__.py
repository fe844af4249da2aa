"""Modules that look at all experiments: the catalogue of claims, scorecard, summary, cost table."""
