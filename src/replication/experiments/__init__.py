"""The experiments, a room each: settings, training, verbs, claims, figures, prose."""
