"""Artifacts on disk, their provenance, and what the verbs share."""
