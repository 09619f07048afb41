"""One reference case of the original: circuit, parameters, input, histories and gradients."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from leyden import soen

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))
TABLE = soen.RateTable.read(GOLDEN / "rate_array.npz")

#: the rate table is steep where multipliers work, so that single precision differs by more there
STEEP = ("conn_", "multiplier_nocc")


def table_of(circuit: soen.Circuit) -> soen.RateTable | None:
    """The table of the original, for a circuit that looks one up."""
    return TABLE if circuit.uses_table else None


@dataclass(frozen=True)
class Case:
    name: str
    circuit: soen.Circuit
    arrays: dict[str, np.ndarray]

    @classmethod
    def read(cls, name: str) -> Case:
        circuit = soen.load(GOLDEN / f"{name}.yaml").circuit
        if name == "qat_ste":  # the original turns quantisation on at run time
            quantization = soen.Quantization(min=-0.25, max=0.25, bits=3)
            circuit = circuit.model_copy(update={"quantization": quantization})
        return cls(name, circuit, dict(np.load(GOLDEN / f"{name}.npz")))

    def network(self, dtype: torch.dtype = torch.float64):
        network = soen.build(self.circuit, table=table_of(self.circuit)).to(dtype)
        network.load_state_dict(self.tensors("param/"))
        return network

    def tensors(self, prefix: str) -> dict[str, torch.Tensor]:
        return {
            k.removeprefix(prefix): torch.from_numpy(a)
            for k, a in self.arrays.items()
            if k.startswith(prefix)
        }

    @property
    def input(self) -> torch.Tensor:
        return torch.from_numpy(self.arrays["input"])

    @property
    def initial(self) -> dict[str, torch.Tensor]:
        return self.tensors("init/")

    def tolerance(self, bits: int) -> float:
        if bits == 64:
            return 1e-10
        return 5e-5 if self.name.startswith(STEEP) else 1e-5 if self.name == "sd_ps_tanh" else 2e-6
