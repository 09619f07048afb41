"""The circuits of `soen.py` as jitted JAX scans, with gradients for all parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads=2")

import jax
import jax.numpy as jnp
import numpy as np
from torch import Tensor

from _soen_rivals import Dendrites


def heaviside(phi: Any, current: Any) -> Any:
    """The fit of the rate table."""
    above = jnp.maximum(current - 1.06435066, 1e-6)
    cosine = jnp.abs(jnp.cos(jnp.pi * phi)) + 1e-6
    d = 0.37091212 * above**1.92138556 - 0.31903101 * cosine**2.50322787
    return jax.nn.sigmoid(100 * d) * jnp.maximum(d, 1e-6) ** (1 / 2.62706077)


def tabled(table: np.ndarray[Any, Any], low: float, high: float) -> Callable[[Any, Any], Any]:
    """The rate table, bilinear, zero outside."""
    rows, columns = table.shape
    flat = jnp.asarray(np.pad(table, ((2, 2), (0, 2))).ravel())
    stride = columns + 2

    def looked_up(phi: Any, current: Any) -> Any:
        folded = phi - jnp.floor(phi)
        x = jnp.minimum(folded, 1 - folded) * 2 * (columns - 1)
        y = jnp.clip((current - low) / (high - low) * (rows - 1), -2, rows + 0.5)
        left, above = jnp.floor(x), jnp.floor(y)
        at = (above.astype(jnp.int32) + 2) * stride + left.astype(jnp.int32)
        x, y = x - left, y - above
        upper = flat[at] + x * (flat[at + 1] - flat[at])
        lower = flat[at + stride] + x * (flat[at + stride + 1] - flat[at + stride])
        return upper + y * (lower - upper)

    return looked_up


def history(net: Sequence[dict[str, Any]], x: Any, source: Callable[[Any, Any], Any], dt: float) -> Any:
    """States of the last layer, (batch, time + 1, nodes)."""
    signal = jnp.swapaxes(x, 0, 1)  # scans go over the first axis
    states = signal
    for layer in net:
        gain, kept = dt * jnp.exp(layer["log_plus"]), 1 - dt * jnp.exp(layer["log_minus"])
        flux = signal @ layer["into"].T + layer["offset"]

        def step(s: Any, p: Any, layer: dict[str, Any] = layer, gain: Any = gain, kept: Any = kept) -> Any:
            p = p + s @ layer["loop"].T if "loop" in layer else p
            s = kept * s + gain * source(p, layer["bias"] - s)
            return s, s

        start = jnp.zeros(flux.shape[1:], flux.dtype)
        _, signal = jax.lax.scan(step, start, flux)
        states = jnp.concatenate([start[None], signal])
    return jnp.swapaxes(states, 0, 1)


def loss(net: Any, x: Any, source: Callable[[Any, Any], Any], dt: float, pooled: bool) -> Any:
    """As ``Case.loss``."""
    found = history(net, x, source, dt)[:, 1:]
    if not pooled:
        return jnp.square(found).mean()
    logits = jax.nn.log_softmax(10 * found.max(1))
    labels = jnp.arange(logits.shape[0]) % logits.shape[1]
    return -logits[jnp.arange(logits.shape[0]), labels].mean()


def jitted(
    layers: Sequence[Dendrites],
    source: str,
    table: tuple[Tensor, float, float] | None,
    x: Tensor,
    dt: float,
    pooled: bool,
    backward: bool,
) -> Callable[[], object]:
    """A call of one circuit, compiled.

    Args:
        layers: With the parameters.
        source: Name of the source function.
        table: Rate table with its smallest and largest current.
        x: Input.
        dt: Time step.
        pooled: Which loss.
        backward: Whether gradients are wanted.
    """
    names = ("into", "loop", "offset", "bias", "log_plus", "log_minus")
    net = [
        {n: jnp.asarray(t.detach().numpy()) for n in names if (t := getattr(layer, n)) is not None}
        for layer in layers
    ]
    functions = {"Tanh": lambda phi, current: jnp.tanh(phi), "Heaviside_state_dep": heaviside}
    g = functions.get(source) or tabled(table[0].numpy(), *table[1:])
    given = jnp.asarray(x.numpy())
    if backward:
        work = jax.jit(jax.value_and_grad(partial(loss, source=g, dt=dt, pooled=pooled)))
    else:
        work = jax.jit(partial(history, source=g, dt=dt))
    return lambda: jax.block_until_ready(work(net, given))
