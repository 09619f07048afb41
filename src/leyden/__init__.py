"""Leyden: one validated run file in, one trained model out, and nothing that the run did is ever lost."""
