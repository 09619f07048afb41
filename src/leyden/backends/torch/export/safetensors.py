"""safetensors: every weight by name, and nothing that runs; readable in any language, mapped and not copied.

``safetensors.safe_open(path, "pt")`` gives the tensors, and as ``.metadata()`` the resolved run, from which
``leyden.build`` makes the model that they belong to.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from leyden.backends.torch.export.format import Exportable, Format, Reader, Served


class Safetensors(Format):
    """A ``.safetensors`` file; names are those of the model's ``state_dict``."""

    suffix = ".safetensors"

    def save(self, thing: Exportable, path: Path, /) -> None:
        # The format knows no views: weights that two modules share are written for both.
        weights = {name: tensor.detach().clone() for name, tensor in thing.model.model.state_dict().items()}
        save_file(weights, path, metadata=thing.metadata)

    def read(self, path: Path, thing: Exportable, /) -> Reader:
        plain = thing.fresh()
        plain.load_state_dict(load_file(path), strict=True)
        model = Served(plain, thing.model.names, thing.model.meet).eval()

        def outputs(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
            with torch.no_grad():
                return model(*(torch.from_numpy(array) for array in inputs.values())).numpy()

        return outputs
