"""The simulator on PyTorch."""
