"""A circuit as a torch module: from an input over time to the histories of its states."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Generator, Tensor, nn

from ..circuit import Circuit
from ..connections import Connection
from ..frozen import one_of
from ..problems import CircuitError
from ..rate_table import RateTable, shipped
from ..sources import SOURCES
from . import names
from .draws import Drawn, draw, fan_outs
from .edges import Edge
from .evaluate import Forward, Outcome, evaluate
from .health import warn_outside, warn_unstable
from .inputs import Initial, fitted, refuse_unknown, starting, starting_circuits, state_names
from .kinds.dendrite import SingleDendrite
from .kinds.table import make
from .layer import Birth, Connectivity, Layer, Now
from .noise import SILENT, Disturbance, Levels
from .power import dendrite_power
from .quantize import snap, snap_randomly, straight_through
from .rates import Rates
from .simulated import Simulated
from .sources import source
from .wiring import Tensors, edge

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

    dt: Tensor
    rate_table: Tensor  # (rows, columns), there where a source function uses it
    rate_range: Tensor  # smallest and largest current

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
        chosen = next(s for s in (seed, circuit.seed, 0) if s is not None)
        generator = Generator().manual_seed(chosen)
        drawn = draw(circuit, generator, chosen) if drawn is None else drawn
        self.layers = nn.ModuleList(self._layers(drawn, generator))
        self._connect(drawn)
        for layer in self._kinds():
            layer.settle_learnable()
        dt = torch.tensor(float(circuit.simulation.dt))
        if circuit.simulation.dt_learnable:
            self.dt = nn.Parameter(dt)
        else:
            self.register_buffer("dt", dt)
        if self.uses_table:
            self._hold(table or shipped())
        names.install(self)
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
            self.levels[c.key] = Levels(c.noise.levels(), c.noise.relative, c.perturb.levels())
            if c.internal and self.circuit.layer(c.to_layer).params.internal:
                self.layer(c.to_layer).connectivity = Connectivity(weights[c.key])
        self.connections = nn.ParameterDict(weights)
        self.masks = Tensors({key: d.mask for key, d in drawn.items()})
        self.signs = Tensors({key: d.signs for key, d in drawn.items() if d.signs is not None})

    def _hold(self, table: RateTable) -> None:
        # single precision, as in every file of the original; wider networks use the same numbers
        self.register_buffer("rate_table", torch.from_numpy(table.rates.astype(np.float32)))
        ends = np.array([table.currents[0], table.currents[-1]], dtype=np.float32)
        self.register_buffer("rate_range", torch.from_numpy(ends))

    # ------------------------------------------------------------------ looking things up

    def _kinds(self) -> list[Layer]:
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def layer(self, layer_id: int) -> Layer:
        """The layer of that number; its place in ``layers`` may differ."""
        found = next((layer for layer in self._kinds() if layer.layer_id == layer_id), None)
        if found is None:
            known = [layer.layer_id for layer in self._kinds()]
            raise CircuitError([f"there is no layer {layer_id}; layers: {known}"])
        return found

    @property
    def uses_table(self) -> bool:
        """Whether any source function looks a rate table up."""
        named = [getattr(layer.params, "source_func", None) for layer in self.circuit.layers]
        named += [getattr(c.params.connection_params, "source_func", None) for c in self.circuit.connections]
        return any(SOURCES[name].table for name in named if name is not None)

    @property
    def input_width(self) -> int:
        """Channels that an input must have."""
        return self._kinds()[0].params.dim

    @property
    def output_width(self) -> int:
        """Nodes of the last layer."""
        return self._kinds()[-1].params.dim

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
        x = fitted(x, self.input_width, self.dt, "fit_input" in self.circuit.compat)
        if not torch.compiler.is_exporting():
            self.project()
        outcome = evaluate(self._prepared(x, initial or {}, generator))
        if not torch.is_grad_enabled():
            # looking costs a pass over every history, so training steps are left alone
            warn_outside(self, outcome.histories)
            warn_unstable(self)
        return self._reported(outcome)

    def set_noise(self, where: int | str, key: str, std: float, *, relative: bool = False) -> None:
        """Change the noise on ``key`` of a layer (by number) or a connection (by name).

        Raises:
            CircuitError: There is no such layer, connection or key, or the solver integrates without noise.
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
        if isinstance(where, str):
            one_of(key, {"j": None}, "what is disturbed of a connection")
            self.levels[where] = levels
            return
        layer = self.layer(where)
        one_of(key, dict.fromkeys(layer.params.disturbable()), f"what is disturbed of layer {where}")
        if layer.params.solver != "FE" and levels.keys - {"phi"}:
            raise CircuitError([f"layer {where}: {layer.params.solver} integrates without noise on {key}"])
        layer.levels = levels

    def project(self) -> None:
        """Bring every parameter into its box and every missing weight back to zero, without a gradient."""
        for layer in self._kinds():
            layer.clamp_()
        for c in self.circuit.connections:
            # `data`, so that a second forward does not void what the first one saved for its backward
            weight, box = self.connections[c.key].data, c.params.constraints
            if box.min is not None or box.max is not None:
                weight.clamp_(box.min, box.max)
            if c.key in self.signs:
                weight.copy_(torch.where(weight * self.signs[c.key] < 0, 0.0, weight))
            weight.mul_(self.masks[c.key])
        if self.circuit.simulation.dt_learnable:
            self.dt.data.clamp_(min=SHORTEST)

    def _prepared(self, x: Tensor, initial: Initial, generator: Generator | None) -> Forward:
        active = self.training or self.circuit.simulation.noise_in == "always"
        rates = self._rates()
        edges = {c.key: self._edge(c, rates, active, generator) for c in self.circuit.connections}
        layers = self._kinds()
        circuits = starting_circuits(initial, edges, x.shape[0], x)
        refuse_unknown(
            initial,
            [
                *(n for la in layers for n in state_names(la)),
                *(f"{k}.{n}" for k, s in circuits.items() for n in range(len(s))),
            ],
        )
        states = starting(initial, layers, x.shape[0], x)
        if "first_state" in self.circuit.compat and not self.circuit.simulation.stepwise:
            first = layers[0]
            states[first.layer_id] = first.start(torch.zeros_like(states[first.layer_id][0]))
        return Forward(
            x=x,
            layers=layers,
            nows={la.layer_id: self._now(la, rates, active, generator) for la in layers},
            connections=self.circuit.connections,
            edges=edges,
            loops=frozenset(
                c.key
                for c in self.circuit.connections
                if c.internal and self.layer(c.to_layer).params.internal
            ),
            states=states,
            circuits=circuits,
            simulation=self.circuit.simulation,
            compat=self.circuit.compat,
        )

    def _rates(self) -> Rates | None:
        if not self.uses_table:
            return None
        edge = self.circuit.simulation.out_of_range == "edge"
        return Rates.of(self.rate_table, self.rate_range[0], self.rate_range[1], edge=edge)

    def _now(self, layer: Layer, rates: Rates | None, active: bool, generator: Generator | None) -> Now:
        name = getattr(layer.params, "source_func", "Tanh")
        levels = layer.levels if active else SILENT
        return Now(
            dt=self.dt,
            values=layer.values(),
            source=source(name, rates),
            noise=Disturbance(levels, generator),
        )

    def _edge(self, c: Connection, rates: Rates | None, active: bool, generator: Generator | None) -> Edge:
        levels = self.levels[c.key] if active else SILENT
        weight, mask = self._quantized(c, generator), self.masks[c.key]
        disturbance = Disturbance(levels, generator)
        plain = (
            "noisy_multipliers" in self.circuit.compat
            and "j" in levels.noise
            and not self.circuit.simulation.stepwise
        )
        return edge(c, weight, mask, self.dt, rates, disturbance, as_fixed=plain and not c.internal)

    def _quantized(self, c: Connection, generator: Generator | None) -> Tensor:
        weight, q = self.connections[c.key], self.circuit.quantization
        if q is None or not (c.trained if q.connections is None else c.key in q.connections):
            return weight
        levels = torch.as_tensor(q.codebook(), dtype=weight.dtype, device=weight.device)
        stochastic = q.stochastic and self.training
        snapped = snap_randomly(weight, levels, generator) if stochastic else snap(weight, levels)
        # absent weights stay absent: the codebook always has a zero
        return straight_through(weight, snapped) if q.gradient == "straight_through" else snapped.detach()

    def _reported(self, outcome: Outcome) -> Simulated:
        k = self.circuit.simulation
        final = {
            n: s
            for la in self._kinds()
            for n, s in zip(state_names(la), outcome.states[la.layer_id], strict=True)
        }
        final |= {f"{key}.{n}": s for key, states in outcome.circuits.items() for n, s in enumerate(states)}
        power = {}
        for layer in self._kinds():
            if k.track_power and isinstance(layer, SingleDendrite) and layer.layer_id in outcome.g:
                v = layer.values()
                power[layer.layer_id] = dendrite_power(
                    outcome.g[layer.layer_id],
                    outcome.histories[layer.layer_id],
                    v["bias_current"],
                    v["gamma_plus"],
                    v["gamma_minus"],
                    self.dt,
                )
        return Simulated(
            output=outcome.histories[self._kinds()[-1].layer_id],
            histories=outcome.histories,
            final=final,
            phi=outcome.phi if k.track_phi else {},
            g=outcome.g if k.track_g else {},
            s={i: h[:, 1:] for i, h in outcome.histories.items()} if k.track_s else {},
            power=power,
        )
