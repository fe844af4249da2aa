"""Style, tables, numbers as text, notebooks: what reports are made of. Nothing here knows an experiment's results."""
