"""leyden soen: superconducting circuits."""
