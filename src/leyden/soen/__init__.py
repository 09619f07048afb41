"""Superconducting optoelectronic circuits: described, checked, simulated and trained."""
