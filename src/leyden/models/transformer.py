"""Transformer encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from leyden.spec.errors import UserError

from ._fit import Activation, outputs_of
from .model import Interface, model

if TYPE_CHECKING:
    from torch import nn

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


@model("transformer", runs_on=("torch",))
def transformer(
    interface: Interface,
    /,
    *,
    vocab_size: Count | None = None,
    d_model: Count = 256,
    depth: Count = 6,
    heads: Count = 8,
    mlp_ratio: Annotated[float, Field(gt=0)] = 4.0,
    dropout: Share = 0.1,
    attn_dropout: Share = 0.0,
    max_len: Count | None = None,
    pos: Literal["learned", "sincos", "rope", "none"] = "learned",
    pool: Literal["mean", "cls", "last"] = "mean",
    pad_id: Annotated[int, Field(ge=0)] | None = None,
    norm: Literal["layer", "rms"] = "layer",
    activation: Activation = "gelu",
) -> nn.Module:
    """Pre-norm transformer encoder on sequences, pooled to one vector a sample.

    Inputs are token ids (time,) of an integer type, or features (time, features); real numbers (time,) are
    read as one feature. A batch entry ``mask`` (batch, time), true where valid, hides positions; so does
    ``pad_id``.

    Args:
        interface: what data and task ask for.
        vocab_size: how many token ids there are; needed for ids, wrong for features.
        d_model: width of every layer.
        depth: number of blocks.
        heads: attention heads; d_model must divide by them.
        mlp_ratio: width of a block's hidden layer, in d_model.
        dropout: share of each sublayer's outputs that is zeroed while training.
        attn_dropout: share of attention weights that is zeroed while training.
        max_len: longest sequence, a class token included; null takes the data's length.
        pos: how positions are told apart; none makes the order meaningless.
        pool: mean over valid positions, an extra class token, or the last valid position.
        pad_id: token id that fills short sequences and is hidden; null hides none.
        norm: layer norm, or root mean square norm.
        activation: function in each block's hidden layer.

    Raises:
        UserError: inputs that are no sequence; ids without vocab_size; sizes that do not divide.

    Example:
        {type: transformer, d_model: 64, depth: 2, heads: 4}
    """
    from .nets.attention import Block
    from .nets.embedding import Embedding
    from .nets.encoder import Encoder

    _require_heads(d_model, heads, pos)
    features = _features(interface, vocab_size, pad_id)
    length = _length(interface, max_len, pool)
    embedding = Embedding(
        d_model,
        features=features,
        vocab_size=vocab_size or 0,
        max_len=length,
        pos=pos,
        class_token=pool == "cls",
        pad_id=pad_id,
        dropout=dropout,
    )
    blocks = [
        Block(
            d_model,
            heads,
            hidden=round(mlp_ratio * d_model),
            dropout=dropout,
            attn_dropout=attn_dropout,
            norm=norm,
            activation=activation,
        )
        for _ in range(depth)
    ]
    outputs = outputs_of("transformer", interface)
    return Encoder(embedding, blocks, outputs, norm=norm, pool=pool, rope=pos == "rope")


def _require_heads(d_model: int, heads: int, pos: str) -> None:
    if d_model % heads:
        raise UserError(
            f"d_model must divide by heads, but {d_model} does not by {heads}; change one of them"
        )
    if pos == "rope" and d_model // heads % 2:
        raise UserError(
            f"pos: rope turns pairs of values, but d_model {d_model} over heads {heads} gives "
            f"{d_model // heads} each, which is odd; change one of them, or use pos: learned"
        )


def _length(interface: Interface, max_len: int | None, pool: str) -> int:
    """Longest sequence, the class token included."""
    given = interface.input_shape[0] + (pool == "cls")
    if max_len is not None and max_len < given:
        raise UserError(
            f"max_len must hold the longest sequence{' and class token' if pool == 'cls' else ''}, but is "
            f"{max_len} for {given}; raise it, or leave it out to take the data's length"
        )
    return max_len or given


def _features(interface: Interface, vocab_size: int | None, pad_id: int | None) -> int:
    """Numbers at each position; 0 for token ids."""
    shape, integers = interface.input_shape, interface.input_dtype.startswith(("int", "uint"))
    if len(shape) not in (1, 2) or (integers and len(shape) == 2):
        raise UserError(
            "transformer reads token ids (time,) or features (time, features) of a floating type, but the "
            f"inputs have shape {shape} and type {interface.input_dtype}; reshape or convert them"
        )
    if integers:
        if vocab_size is None:
            raise UserError("token ids need vocab_size, but it is null; set it to the largest id + 1")
        if pad_id is not None and pad_id >= vocab_size:
            raise UserError(
                f"pad_id must be below vocab_size {vocab_size}, but is {pad_id}; raise vocab_size"
            )
        return 0
    given = {"vocab_size": vocab_size, "pad_id": pad_id}
    if wrong := [f"{name}: {value}" for name, value in given.items() if value is not None]:
        raise UserError(
            f"{wrong[0]} is for token ids, but the inputs are {interface.input_dtype} features; remove it, "
            "or give ids of an integer type"
        )
    return shape[1] if len(shape) == 2 else 1
