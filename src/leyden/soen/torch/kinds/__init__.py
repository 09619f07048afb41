"""Every kind of layer on PyTorch, one family a file."""
