"""Pictures of simulations: few nodes are lines, many a map; a layer that records less takes the room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leyden.soen import CircuitError
from leyden.soen.plot import plot

pytest.importorskip("matplotlib")
from matplotlib.axes import Axes


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[int, ...]]]:
    """The shapes that were drawn, as lines and as maps."""
    seen: dict[str, list[tuple[int, ...]]] = {"plot": [], "imshow": []}
    for way in seen:
        original = getattr(Axes, way)

        def spy(self: Axes, *args: Any, way: str = way, original: Any = original, **settings: Any) -> Any:
            seen[way].append(args[-1].shape)
            return original(self, *args, **settings)

        monkeypatch.setattr(Axes, way, spy)
    return seen


def test_few_nodes_are_lines_and_many_the_rows_of_a_map(drawn, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    shapes = {"layer_0": (2, 21, 10), "layer_1": (2, 21, 40), "phi/layer_1": (2, 20, 40)}
    plot({name: random.random(shape) for name, shape in shapes.items()}, tmp_path / "p.png", dt=37.0)
    assert drawn == {"plot": [(21, 10)], "imshow": [(40, 21), (40, 20)]}
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"


def test_a_picture_of_an_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match=r"must end in one of .*png.*, but got 'xyz'"):
        plot({"layer_0": np.zeros((1, 2, 3))}, tmp_path / "p.xyz", dt=37.0)
