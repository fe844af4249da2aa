"""What looks at all experiments: the catalogue of claims, scorecard, summary, cost table."""
