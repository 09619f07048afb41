"""A circuit as a torch module: from an input over time to the histories of its states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from pydantic import ValidationError
from torch import Generator, Tensor, nn

from ..arguments import expect
from ..circuit import SEEDS, Circuit
from ..connections import Connection
from ..consistency import RELATIVE
from ..frozen import one_of
from ..kernel import whole
from ..problems import CircuitError, told
from ..rate_table import RateTable, shipped
from ..units import standard
from . import names
from .draws import Drawn, draw, fan_outs
from .ends import Ends
from .evaluate import Forward, Outcome, evaluate
from .health import warn_outside, warn_unrecorded, warn_unstable, warn_untrained
from .inputs import Initial, fitted, state_names
from .kinds.dendrite import refuse_loops_off_the_diagonal
from .kinds.table import make
from .layer import Birth, Connectivity, Layer
from .noise import Levels
from .pooling import pool
from .prepare import prepared
from .rates import Kept
from .simulated import Simulated, reported
from .tracing import writing
from .wiring import Tensors

#: a learnable time step stays at least this long
SHORTEST = 1e-6


class Network(nn.Module):
    """A circuit that runs: ``[batch, time, features] -> [batch, time + 1, features]``, initial state first.

    Args:
        circuit: The description.
        seed: Decides all first values; the description's own seed where absent, else 0.
        table: The rate table; the shipped one where absent.
        drawn: Masks and first weights by key of the connection, where they need not be drawn.
    """

    seed: int  # of all first values
    dt: Tensor
    rate_table: Tensor  # (rows, columns), there where a source function uses it
    rate_range: Tensor  # smallest and largest current
    rates: Kept  # of both

    def __init__(
        self,
        circuit: Circuit,
        *,
        seed: int | None = None,
        table: RateTable | None = None,
        drawn: Mapping[str, Drawn] | None = None,
    ) -> None:
        super().__init__()
        self.circuit = circuit
        self.junction = standard()
        warn_unrecorded(circuit)
        warn_untrained(circuit)
        self.seed = int(next(s for s in (seed, circuit.seed, 0) if s is not None))
        if not SEEDS[0] <= self.seed <= SEEDS[1]:
            raise CircuitError([f"seed must lie between -2^63 and 2^64 - 1, but got {self.seed}"])
        generator = Generator().manual_seed(self.seed)
        drawn = draw(circuit, generator, self.seed) if drawn is None else drawn
        self.layers = nn.ModuleList(self._layers(drawn, generator))
        self._connect(drawn)
        for layer in self.ordered:
            layer.settle_learnable()
        if circuit.simulation.input_type == "state":
            # the first layer's state is given: a distributed reduction would wait for its gradients in vain
            self.ordered[0].requires_grad_(False)
        dt = torch.tensor(float(circuit.simulation.dt))
        if circuit.simulation.dt_learnable:
            # a distributed reduction would wait for the gradient of one that nothing uses
            self.dt = nn.Parameter(dt, requires_grad=circuit.uses_dt)
        else:
            self.register_buffer("dt", dt)
        if circuit.uses_table:
            self._hold(table or shipped())
        refuse_loops_off_the_diagonal(self.ordered)
        names.install(self)
        self.key = whole.enrolled(self)
        self.project()

    def _layers(self, drawn: Mapping[str, Drawn], generator: Generator) -> list[Layer]:
        return [
            make(
                Birth(
                    spec=spec,
                    generator=generator,
                    dt=self.circuit.simulation.dt,
                    fan_outs=fan_outs(self.circuit, drawn, spec.layer_id),
                    compat=self.circuit.compat,
                )
            )
            for spec in self.circuit.ordered
        ]

    def _connect(self, drawn: Mapping[str, Drawn]) -> None:
        weights: dict[str, nn.Parameter] = {}
        self.levels: dict[str, Levels] = {}
        for c in self.circuit.connections:
            trained = c.trained or (c.internal and "learnable" in self.circuit.compat)
            weights[c.key] = nn.Parameter(drawn[c.key].weight, requires_grad=trained)
            self.levels[c.key] = Levels.of(c)
            if c.internal and self.circuit.layer(c.to_layer).params.internal:
                self.layer(c.to_layer).connectivity = Connectivity(weights[c.key])
        self.connections = nn.ParameterDict(weights)
        self._boxes = {c.key: c.params.constraints for c in self.circuit.connections}
        self.masks = Tensors({key: d.mask for key, d in drawn.items()})
        circuits = [c.key for c in self.circuit.connections if c.params.mode != "fixed"]
        self.ends = nn.ModuleDict({key: Ends(drawn[key].mask) for key in circuits})
        self.signs = Tensors({key: d.signs for key, d in drawn.items() if d.signs is not None})

    def _hold(self, table: RateTable) -> None:
        # single precision, as in every file of the original; wider networks use the same numbers
        self.register_buffer("rate_table", torch.from_numpy(table.rates.astype(np.float32)))
        ends = np.array([table.currents[0], table.currents[-1]], dtype=np.float32)
        self.register_buffer("rate_range", torch.from_numpy(ends))
        self.rates = Kept()

    # ------------------------------------------------------------------ looking things up

    @property
    def ordered(self) -> list[Layer]:
        """The layers in order of evaluation."""
        return cast(list[Layer], [*self.layers._modules.values()])

    def layer(self, layer_id: int) -> Layer:
        """The layer of that number; its place in ``layers`` may differ."""
        found = next((layer for layer in self.ordered if layer.layer_id == layer_id), None)
        if found is None:
            known = [layer.layer_id for layer in self.ordered]
            raise CircuitError([f"there is no layer {layer_id}; layers: {known}"])
        return found

    def ends_of(self, connection: Connection) -> Ends | None:
        """Where each circuit of a connection starts and ends; None where it has none."""
        if connection.params.mode == "fixed":
            return None
        ends = cast(Ends, self.ends[connection.key])
        if not torch.compiler.is_compiling():
            ends.follow(self.masks[connection.key])
        return ends

    @property
    def uses_table(self) -> bool:
        """Whether any source function looks a rate table up."""
        return "rate_table" in self._buffers

    @property
    def input_width(self) -> int:
        """Channels that an input must have."""
        return self.ordered[0].params.dim

    @property
    def output_width(self) -> int:
        """Nodes of the last layer."""
        return self.ordered[-1].params.dim

    # ------------------------------------------------------------------ running

    def forward(self, x: Tensor, initial: Initial | None = None) -> Tensor:
        """History of the last layer, (batch, time + 1, nodes). See ``simulate``."""
        return self.simulate(x, initial).output

    def simulate(
        self, x: Tensor, initial: Initial | None = None, generator: Generator | None = None
    ) -> Simulated:
        """Histories of all layers, final states, and what the description asks to be recorded.

        Args:
            x: Input, (batch, time, nodes of the first layer).
            initial: States to start from, by number of a layer or by the names that ``Simulated.final`` has;
                else zeros.
            generator: Of noise and perturbation; torch's own where absent.

        Raises:
            CircuitError: Input or states do not fit the circuit.
        """
        expect(initial, (Mapping, type(None)), "initial states must be a mapping, e.g. {1: a tensor}")
        x = fitted(x, self.input_width, self.dt, "fit_input" in self.circuit.compat)
        if writing():
            self.project()
        _, outcome = self.outcome(x, initial or {}, generator)
        if not (torch.is_grad_enabled() or torch.compiler.is_compiling()):
            # looking costs a pass over every history, so training steps are left alone
            warn_outside(self, outcome.histories)
            warn_unstable(self)
        return reported(self, outcome)

    def pooled(self, history: Tensor, method: str = "max", **settings: Any) -> Tensor:
        """A history of this circuit pooled over time, (batch, nodes), by a method of ``pooling.pool``."""
        return pool(history, method, keep_initial="pool_initial" in self.circuit.compat, **settings)

    def outcome(
        self, x: Tensor, initial: Initial, generator: Generator | None = None
    ) -> tuple[Forward, Outcome]:
        """What ``simulate`` reports, for an input and weights that fit already."""
        forward = prepared(self, x, initial, generator)
        outcome = whole.simulated(self, forward) if whole.fits(forward) else evaluate(forward)
        return forward, outcome

    def state_names(self) -> list[str]:
        """The name of every state: of each layer, then of each connection's circuits."""
        names = [name for layer in self.ordered for name in state_names(layer)]
        for c in self.circuit.connections:
            count = {"fixed": 0, "WICC": 1, "NOCC": 3}[c.params.mode]
            names += [f"{c.key}.{n}" for n in range(count)]
        return names

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.key = whole.enrolled(self)

    def set_noise(self, where: int | str, key: str, std: float, *, relative: bool = False) -> None:
        """Change the noise on ``key`` of a layer (by number) or a connection (by name); files keep it.

        Raises:
            ValueError: There is no such layer, connection or key, the standard deviation is no finite number
                from 0 on, or the solver integrates without noise.
        """
        self._relevel(where, key, self._levels_of(where).with_noise(key, std, relative))

    def set_perturbation(self, where: int | str, key: str, *, mean: float = 0.0, std: float = 0.0) -> None:
        """Change the offset on ``key`` of a layer or a connection; see ``set_noise``."""
        self._relevel(where, key, self._levels_of(where).with_perturbation(key, mean, std))

    def _levels_of(self, where: int | str) -> Levels:
        if isinstance(where, int):
            return self.layer(where).levels
        return one_of(where, self.levels, "the connection")

    def _relevel(self, where: int | str, key: str, levels: Levels) -> None:
        if levels.relative and levels.perturb:
            raise CircuitError([f"{where}: {RELATIVE}"])
        named = {"j": None} if isinstance(where, str) else self.layer(where).params.disturbable()
        place = where if isinstance(where, str) else f"layer {where}"
        one_of(key, dict.fromkeys(named), f"what is disturbed of {place}")
        try:
            levels.described()
        except ValidationError as error:
            raise told(error, f"what disturbs {place}") from None
        if isinstance(where, str):
            self.levels[where] = levels
            return
        layer = self.layer(where)
        if layer.params.solver != "FE" and levels.keys - {"phi"}:
            raise CircuitError([f"layer {where}: {layer.params.solver} integrates without noise on {key}"])
        layer.levels = levels

    def inside(self, key: str) -> Tensor:
        """The weights of a connection the way ``project`` leaves them, (to, from).

        Where there is no writing, and what a parametrization puts in their place, they are computed anew.
        """
        weight, box = self.connections[key], self._boxes[key]
        if isinstance(weight, nn.Parameter) and writing():
            return weight
        if box.min is not None or box.max is not None:
            weight = weight.clamp(box.min, box.max)
        if key in self.signs:
            weight = torch.where(weight * self.signs[key] < 0, 0.0, weight)
        return weight * self.masks[key]

    def project(self) -> None:
        """Bring every parameter into its box and every missing weight back to zero, without a gradient."""
        for layer in self.ordered:
            layer.clamp_()
        for key, box in self._boxes.items():
            if not isinstance(held := self.connections[key], nn.Parameter):
                continue
            # `data`, so that a second forward does not void what the first one saved for its backward
            weight = held.data
            if box.min is not None or box.max is not None:
                weight.clamp_(box.min, box.max)
            if key in self.signs:
                weight.copy_(torch.where(weight * self.signs[key] < 0, 0.0, weight))
            weight.mul_(self.masks[key])
        if self.circuit.simulation.dt_learnable:
            self.dt.data.clamp_(min=SHORTEST)
