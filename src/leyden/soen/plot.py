"""Draws states, flux and g of a simulation over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .problems import CircuitError
from .saved import Arrays
from .units import convert

#: lines a panel has at most; more cannot be told apart
LINES = 12
PANELS = (("", "state s"), ("phi/", "flux phi"), ("g/", "g(phi, I)"))


def plot(arrays: Arrays, path: str | Path, *, dt: float, sample: int = 0, title: str = "") -> None:
    """Write a picture: a row for each layer, one panel each for states, flux and g where they were recorded.

    Args:
        arrays: What ``simulate`` returned.
        path: The picture; its ending says the format.
        dt: Time step, dimensionless.
        sample: Which sample of the batch.
        title: Headline.

    Raises:
        CircuitError: matplotlib is not installed, or there is no such sample.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CircuitError(
            ['it needs matplotlib; install it: pip install "leyden[plots]"'], "the plot"
        ) from None
    layers = [name for name in arrays if name.startswith("layer_")]
    batch = arrays[layers[0]].shape[0]
    if not 0 <= sample < batch:
        raise CircuitError([f"sample must lie between 0 and {batch - 1}, but got {sample}"], "the plot")
    figure = Figure(figsize=(11, 2.2 * len(layers) + 0.6), layout="constrained")
    panels: Any = figure.subplots(len(layers), len(PANELS), squeeze=False, sharex=True)
    for row, layer in zip(panels, layers, strict=True):
        for panel, (prefix, label) in zip(row, PANELS, strict=True):
            series = arrays.get(prefix + layer)
            _panel(panel, series, sample, dt)
            nothing = "" if series is not None else " (none)"
            panel.set_title(f"{layer.replace('_', ' ')}: {label}{nothing}", fontsize=9)
    for panel in panels[-1]:
        panel.set_xlabel("time (ns)")
    figure.suptitle(title)
    figure.savefig(path, dpi=120)


def _panel(panel: Any, series: np.ndarray[Any, Any] | None, sample: int, dt: float) -> None:
    if series is None:
        panel.set_axis_off()
        return
    panel.tick_params(labelsize=8)
    panel.grid(alpha=0.25)
    values = series[sample]
    time = np.arange(len(values)) * convert(dt, "t_prime", "t") * 1e9
    panel.plot(time, values[:, :LINES], linewidth=1.0)
    if values.shape[1] > LINES:
        panel.text(
            0.99,
            0.97,
            f"{LINES} of {values.shape[1]}",
            transform=panel.transAxes,
            ha="right",
            va="top",
            fontsize=7,
        )
