"""What running out of memory looks like."""

from __future__ import annotations

import torch

#: texts of allocators and libraries that raise a plain RuntimeError; lower case
SIGNS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cudnn_status_not_supported. this error may appear if you passed in a non-contiguous",
    "hip out of memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: by its type first, then by its text."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in SIGNS)


def bare(error: Exception) -> Exception:
    """``error`` without its traceback and those before it, which keep the failed attempt's tensors alive."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
