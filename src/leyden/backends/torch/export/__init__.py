"""Trained models written for use elsewhere, each file compared with the model before it is kept."""
