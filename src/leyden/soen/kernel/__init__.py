"""Fast paths for circuits: a compiled time loop with a hand-written adjoint, and torch operations without it."""
