"""The parts of reports: style, tables, numbers as text, notebooks. Nothing here knows an experiment's results."""
