"""Pure step -> value: learning rates, loss weights, noise and more."""
