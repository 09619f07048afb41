"""Draws states, flux and g of a simulation over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .archive import Array, Arrays
from .problems import CircuitError
from .units import convert
from .whole_file import replaced

#: lines a panel has at most, a colour each; more nodes become rows of a map
LINES = 10
PANELS = (("", "state s"), ("phi/", "flux phi"), ("g/", "g(phi, I)"))


def ready(path: str | Path, batch: int, sample: int) -> None:
    """Tell before a simulation what a picture of it would fail of.

    Args:
        path: The picture.
        batch: Samples there are.
        sample: Which one is to be shown.

    Raises:
        CircuitError: matplotlib is not installed or writes no such files, or there is no such sample.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise CircuitError(
            ['it needs matplotlib; install it: pip install "leyden[plots]"'], "the plot"
        ) from None
    ending, known = Path(path).suffix[1:].lower(), sorted(FigureCanvasBase.get_supported_filetypes())
    problems: list[str] = []
    if ending not in known:
        problems.append(f"{path} must end in one of {', '.join(known)}, but got {ending!r}")
    if not 0 <= sample < batch:
        problems.append(f"sample must lie between 0 and {batch - 1}, but got {sample}")
    if problems:
        raise CircuitError(problems, "the plot")


def plot(arrays: Arrays, path: str | Path, *, dt: float, sample: int = 0, title: str = "") -> None:
    """Write a picture: a row for each layer, one panel each for states, flux and g where they were recorded.

    Up to ten nodes are lines; more are the rows of a map.

    Args:
        arrays: What ``simulate`` returned.
        path: The picture; its ending says the format.
        dt: Time step, dimensionless.
        sample: Which sample of the batch.
        title: Headline.

    Raises:
        CircuitError: As ``ready`` does, or there is no writing there.
    """
    layers = [name for name in arrays if name.startswith("layer_")]
    ready(path, len(arrays[layers[0]]), sample)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.2 * len(layers) + 0.6), layout="constrained")
    step = convert(dt, "t_prime", "t") * 1e9
    rows = figure.subfigures(len(layers), 1, squeeze=False)[:, 0]
    for row, layer in zip(rows, layers, strict=True):
        shown = [(label, arrays[prefix + layer]) for prefix, label in PANELS if prefix + layer in arrays]
        panels: Any = row.subplots(1, len(shown), squeeze=False)[0]
        for panel, (label, series) in zip(panels, shown, strict=True):
            _panel(panel, series[sample], step)
            panel.set_title(f"{layer.replace('_', ' ')}: {label}", fontsize=9)
            if layer == layers[-1]:
                panel.set_xlabel("time (ns)", fontsize=9)
        nodes = arrays[layer].shape[-1]
        if 1 < nodes <= LINES:
            panels[-1].legend(
                range(nodes), title="node", loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=6,
                title_fontsize=7, frameon=False,
            )  # fmt: skip
    figure.suptitle(title)
    with replaced(Path(path)) as beside:
        figure.savefig(beside, dpi=120, format=Path(path).suffix[1:])


def _panel(panel: Any, values: Array, step: float) -> None:
    """Draw (time, nodes) values."""
    panel.tick_params(labelsize=8)
    steps, nodes = values.shape
    if nodes <= LINES:
        panel.grid(alpha=0.25)
        panel.plot(np.arange(steps) * step, values, linewidth=1.0)
        panel.margins(x=0.01)
        return
    edges = (0.0, steps * step, -0.5, nodes - 0.5)
    drawn = panel.imshow(values.T, aspect="auto", origin="lower", extent=edges, interpolation="nearest")
    panel.set_ylabel("node", fontsize=8)
    panel.figure.colorbar(drawn, ax=panel, pad=0.01).ax.tick_params(labelsize=7)
