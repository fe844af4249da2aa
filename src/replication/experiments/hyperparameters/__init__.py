"""The sweep over kinds and strengths of the penalty (Appendix G)."""
