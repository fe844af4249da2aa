"""Artifacts on disk and what they were made from; what the verbs share."""
