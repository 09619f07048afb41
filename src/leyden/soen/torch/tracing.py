"""What a forward may do while a program is made of it."""

from __future__ import annotations

import torch

#: whether this torch tells the two apart; torch 2.6 does not
TELLS = "is_exporting" in torch.compiler.__all__


def exporting() -> bool:
    """Whether the circuit is being exported, to where there is no Leyden.

    torch 2.6 cannot tell that from compilation; a circuit that is compiled there is taken for one that is
    exported, which comes to the same and takes long to compile.
    """
    return torch.compiler.is_exporting() if TELLS else torch.compiler.is_compiling()


def writing() -> bool:
    """Whether a forward may write to parameters; neither exported programs nor ``torch.func`` can."""
    if torch.compiler.is_compiling():
        return not exporting()
    return not torch._C._are_functorch_transforms_active()


def passing() -> bool:
    """Whether what a forward makes is of no use to another one: in a program, a transform, inference mode."""
    return (
        torch.compiler.is_compiling()
        or torch.is_inference_mode_enabled()
        or torch._C._are_functorch_transforms_active()
    )
