"""The equations of circuits once more, in numpy and one step at a time, to hold the simulator against.

Nothing of the simulator is used but the numbers that a network holds and its description.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def heaviside(phi: Array, current: Array) -> Array:
    eps = 1e-6
    b, c = np.maximum(current - 1.06435066, eps), np.abs(np.cos(np.pi * phi)) + eps
    d = 0.37091212 * b**1.92138556 - 0.31903101 * c**2.50322787
    return np.maximum(d, eps) ** (1 / 2.62706077) / (1 + np.exp(-100 * d))


def tanh_gauss(phi: Array, current: Array) -> Array:
    missing = np.clip(1.7 - np.clip(current, 0.7, 1.7), 0, 1)
    bell = np.exp(-(((phi % 1.0) - 0.5) ** 2) / (2 * 0.12632733583450317**2))
    return 0.7845368385314941 * np.maximum(1 - missing, 1e-6) ** 2.5484097003936768 * np.tanh(bell)


class Lookup:
    """A rate table, zero outside."""

    def __init__(self, rates: Array, low: float, high: float) -> None:
        self.rates, self.low, self.high = rates.astype(np.float32).astype(float), low, high

    def __call__(self, phi: Array, current: Array) -> Array:
        rows, columns = self.rates.shape
        phi, current = np.broadcast_arrays(phi, current)
        f = phi - np.floor(phi)
        x = np.minimum(f, 1 - f) * 2 * (columns - 1)
        y = (current - self.low) / (self.high - self.low) * (rows - 1)
        j, i = np.floor(x), np.floor(y)
        found = np.zeros(phi.shape)
        for di in (0, 1):
            for dj in (0, 1):
                r, c = (i + di).astype(int), (j + dj).astype(int)
                share = (1 - np.abs(y - r)) * (1 - np.abs(x - c))
                inside = (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
                values = self.rates[np.clip(r, 0, rows - 1), np.clip(c, 0, columns - 1)]
                found += np.where(inside, share * values, 0.0)
        return found


SOURCES: dict[str, Any] = {
    "Heaviside_state_dep": heaviside,
    "TanhGauss1p7IBFit": tanh_gauss,
    "Tanh": lambda phi, _: np.tanh(phi),
    "Telu": lambda phi, _: phi * np.tanh(np.exp(phi)),
    "ReLU": lambda phi, _: np.maximum(phi, 0.0),
    "SimpleGELU": lambda phi, _: 0.5 * phi * np.tanh(0.8 * phi) + 0.5 * phi,
}


def smooth(x: Array) -> Array:
    return np.sqrt(x * x + 0.01)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def sources(net: Any) -> dict[str, Any]:
    if not net.uses_table:
        return SOURCES
    low, high = net.rate_range.double().tolist()
    return SOURCES | {"RateArray": Lookup(net.rate_table.numpy(), low, high)}


def offsets(perturb: Any) -> dict[str, float]:
    return {key: mean for key, (mean, std) in perturb.levels().items() if not std}


def snapped(weight: Array, levels: Array) -> Array:
    return levels[np.abs(weight[..., None] - levels).argmin(-1)]


class Edge:
    """One connection and the states of its circuits."""

    def __init__(self, net: Any, connection: Any, batch: int, theirs: bool) -> None:
        key, self.dt, circuit = connection.key, float(net.dt.detach()), net.circuit
        mask, box = net.masks[key].numpy(), connection.params.constraints
        weight = np.clip(net.connections[key].detach().numpy(), box.min, box.max)
        if key in net.signs:
            signs = net.signs[key].numpy()
            weight = np.where(signs > 0, np.maximum(weight, 0), weight)
            weight = np.where(signs < 0, np.minimum(weight, 0), weight)
        weight = weight * mask
        self.clean = weight
        if circuit.quantization is not None and circuit.quantizes(connection):
            weight = snapped(weight, circuit.quantization.codebook())
        shift = offsets(connection.perturb).get("j", 0.0)
        self.weight = weight + shift * (1 if theirs else mask)
        self.mode, self.settings = connection.params.mode, connection.params.connection_params
        if self.settings is not None:
            self.g = sources(net)[self.settings.source_func]
        self.to, self.start = np.nonzero(mask)
        self.fan_in = mask.sum(1)
        self.s1 = np.zeros((batch, len(self.to)))
        self.s2, self.m = np.zeros_like(self.s1), np.zeros((batch, len(self.weight)))

    def output(self) -> Array:
        k = self.settings
        if self.mode == "NOCC":
            return k.j_out * self.m
        j_out = np.float32(2.5e-10 / (40e-12 * self.fan_in + 3.35e-10)).astype(float)
        return (j_out if k.j_out is None else np.asarray(k.j_out)) * self.gathered(self.s1)

    def gathered(self, edges: Array) -> Array:
        found = np.zeros((len(edges), len(self.weight)))
        for e, to in enumerate(self.to):
            found[:, to] += edges[:, e]
        return found

    def step(self, source: Array) -> Array:
        if self.mode == "fixed":
            return source @ self.weight.T
        k, dt, g = self.settings, self.dt, self.g
        x = k.j_in * source[:, self.start]
        y = self.weight[self.to, self.start] + 0.5 * k.half_flux_offset
        bias = k.bias_current
        if self.mode == "WICC":
            e = self.s1
            bias, plus, minus = (float(np.float32(v)) for v in (bias, k.gamma_plus, k.gamma_minus))
            self.s1 = e + dt * (plus * (g(x + y, bias - e) - g(x - y, bias + e)) - minus * e)
            return self.output()
        g1, g2 = g(x + y, smooth(bias - self.s1)), g(x - y, smooth(self.s2 - bias))
        dm = (self.gathered(g1 - g2) - k.alpha * self.m) / (k.beta + 2 * self.fan_in * k.beta_out)
        ds1 = (g1 - k.beta_out * dm[:, self.to] - k.alpha * self.s1) / k.beta
        ds2 = (g2 - k.beta_out * dm[:, self.to] - k.alpha * self.s2) / k.beta
        self.s1, self.s2, self.m = self.s1 + dt * ds1, self.s2 + dt * ds2, self.m + dt * dm
        return self.output()


class Node:
    """One layer and its states."""

    def __init__(self, net: Any, spec: Any, start: Array, loop: Edge | None, theirs: bool) -> None:
        self.kind, self.loop, self.dt = spec.layer_type, loop, float(net.dt.detach())
        layer, self.restarted = net.layer(spec.layer_id), theirs and net.circuit.simulation.stepwise
        self.off, self.theirs = offsets(spec.perturb), theirs
        self.p = {n: self.parameter(layer, spec.params, n, r) for n, r in spec.params.rules().items()}
        self.tensors = {n: t.detach().numpy() for n, t in layer.named_parameters(remove_duplicate=False)}
        self.params = spec.params
        self.g = sources(net).get(getattr(spec.params, "source_func", ""))
        self.state = self.h = start
        self.s1, self.s2 = np.zeros_like(start), np.zeros_like(start)  # LSTM: s1 is the cell state
        self.seen: dict[str, Array] = {}

    def parameter(self, layer: Any, params: Any, name: str, rule: Any) -> Array:
        value = layer.held(name).detach().numpy()
        given = getattr(params, name).constraints or rule.box
        low, high = (
            None if b is None else np.log(max(b, 1e-10)) if rule.log else b for b in (given.min, given.max)
        )
        value = np.clip(value, low, high)
        return (np.exp(value) if rule.log else value) + self.off.get(name, 0.0)

    def step(self, phi: Array) -> None:
        self.before = self.state
        if self.restarted and self.kind in ("RNN", "GRU", "LSTM", "MinGRU", "LeakyGRU"):
            self.h, self.s1 = self.state, np.zeros_like(self.state)
        if self.loop is not None:
            phi = phi + self.loop.step(self.state)
        self.seen = {"phi": phi}
        shown = getattr(self, f"_{self.kind}")(phi, self.p)
        quiet = self.theirs and self.kind in ("Linear", "Input")
        self.state = shown + (0.0 if quiet else self.off.get("s", 0.0))

    def noticed(self, g: Array, phi: Array | None = None) -> Array:
        self.seen["g"] = g = g + self.off.get("g", 0.0)
        if phi is not None:
            self.seen["phi"] = phi
        return g

    def _Linear(self, phi: Array, p: Any) -> Array:
        return phi

    _Input = _Linear

    def _ScalingLayer(self, phi: Array, p: Any) -> Array:
        return phi * p["scale_factor"]

    def _Softmax(self, phi: Array, p: Any) -> Array:
        raised = np.exp(p["beta"] * phi)
        return raised / raised.sum(-1, keepdims=True)

    def _Readout(self, phi: Array, p: Any) -> Array:
        return self.noticed(self.g(phi + p["phi_offset"], p["bias_current"]), phi + p["phi_offset"])

    def _NonLinear(self, phi: Array, p: Any) -> Array:
        return self.noticed(self.g(phi + p["phi_offset"], p["bias_current"]))

    def _SingleDendrite(self, phi: Array, p: Any) -> Array:
        phi, s = phi + p["phi_offset"], self.state
        drive = self.noticed(self.g(phi, p["bias_current"] - s), phi)
        return s + self.dt * (p["gamma_plus"] * drive - p["gamma_minus"] * s)

    def _MultiplierWICC(self, phi: Array, p: Any) -> Array:
        g, s, bias = self.g, self.state, p["bias_current"]
        drive = self.noticed(g(phi + p["phi_y"], bias - s) - g(phi - p["phi_y"], bias + s))
        return s + self.dt * (p["gamma_plus"] * drive - p["gamma_minus"] * s)

    def _MultiplierNOCC(self, phi: Array, p: Any) -> Array:
        g, bias, dt = self.g, p["bias_current"], self.dt
        rows = 1 if self.loop is None else (self.loop.clean != 0).sum(1)
        g1, g2 = g(phi + p["phi_y"], smooth(bias - self.s1)), g(phi - p["phi_y"], smooth(self.s2 - bias))
        dm = (g1 - g2 - p["alpha"] * self.state) / (p["beta"] + 2 * rows * p["beta_out"])
        ds1 = (g1 - p["beta_out"] * dm - p["alpha"] * self.s1) / p["beta"]
        ds2 = (g2 - p["beta_out"] * dm - p["alpha"] * self.s2) / p["beta"]
        self.s1, self.s2 = self.s1 + dt * ds1, self.s2 + dt * ds2
        return self.state + dt * dm

    def gates(self, phi: Array, count: int) -> tuple[list[Array], list[Array]]:
        t = {n: self.tensors[f"module.{n}_l0"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        return tuple(
            np.split(x @ t[f"weight_{w}"].T + t[f"bias_{w}"], count, -1)
            for x, w in ((phi, "ih"), (self.h, "hh"))
        )

    def _RNN(self, phi: Array, p: Any) -> Array:
        (into,), (own,) = self.gates(phi, 1)
        self.h = np.tanh(into + own)
        return self.h

    def _GRU(self, phi: Array, p: Any) -> Array:
        (r, z, n), (r_, z_, n_) = self.gates(phi, 3)
        r, z = sigmoid(r + r_), sigmoid(z + z_)
        self.h = (1 - z) * np.tanh(n + r * n_) + z * self.h
        return self.h

    def _LSTM(self, phi: Array, p: Any) -> Array:
        into, own = self.gates(phi, 4)
        i, f, g, o = (a + b for a, b in zip(into, own, strict=True))
        self.s1 = sigmoid(f) * self.s1 + sigmoid(i) * np.tanh(g)
        self.h = sigmoid(o) * np.tanh(self.s1)
        return self.h

    def _MinGRU(self, phi: Array, p: Any) -> Array:
        z = sigmoid(phi @ self.tensors["gate_proj.weight"].T)
        self.h = (1 - z) * self.h + z * np.tanh(phi @ self.tensors["hidden_proj.weight"].T)
        return self.h

    def _LeakyGRU(self, phi: Array, p: Any) -> Array:
        width, own = len(p["decay_bias"]), self.tensors["core.weight_hh"][2 * len(p["decay_bias"]) :].copy()
        diagonal = {"zero": 0.0, "one": 1.0, "free": None}[self.params.candidate_diag]
        if diagonal is not None:
            np.fill_diagonal(own, diagonal)
        into, reset = self.tensors["core.weight_ih"][2 * width :], sigmoid(self.params.reset_bias)
        n = np.tanh(phi @ into.T + p["candidate_bias"] + reset * (self.h @ own.T))
        z = sigmoid(p["decay_bias"])
        self.h = z * self.h + (1 - z) * n
        return self.h


def simulated(
    net: Any, x: Array, start: dict[int, Array], *, theirs: bool = False
) -> dict[str, dict[int, Array]]:
    """`s`: history of every layer, (batch, time + 1, nodes); `phi`, `g`: what was seen, (batch, time, nodes).

    Layer by layer is Gauss-Seidel without feedback.

    Args:
        net: A network, whose numbers are taken. Offsets must have no spread.
        x: Input, (batch, time, nodes).
        start: State of every layer before the first step, (batch, nodes).
        theirs: Whether quirks of the original are wanted, as `compat: soen` brings them back.
    """
    circuit, (batch, steps, _) = net.circuit, x.shape
    k, first = circuit.simulation, circuit.ordered[0].layer_id
    edges = {c.key: Edge(net, c, batch, theirs) for c in circuit.connections}
    loops = {c.to_layer: edges[c.key] for c in circuit.connections if c.internal}
    nodes = {
        s.layer_id: Node(net, s, start[s.layer_id], loops.get(s.layer_id), theirs) for s in circuit.ordered
    }
    found: dict[str, dict[int, list[Array]]] = {"s": {i: [n.state] for i, n in nodes.items()}}
    found |= {"phi": {}, "g": {}}
    for t in range(steps):
        before = {i: node.state for i, node in nodes.items()}
        for i, node in nodes.items():
            if i == first and k.input_type == "state":
                node.state = x[:, t] + node.off.get("s", 0.0)
            else:
                phi = x[:, t] if i == first else np.zeros_like(node.state)
                for c in circuit.connections:
                    if c.to_layer == i and not c.internal:
                        edge = edges[c.key]
                        if k.network_evaluation_method == "stepwise_jacobi":
                            late = edge.output() if edge.mode != "fixed" else None
                            now = edge.step(before[c.from_layer])
                            phi = phi + (now if late is None else late)
                        else:
                            phi = phi + edge.step(nodes[c.from_layer].state)
                twice = theirs and not k.stepwise and node.kind != "MultiplierNOCC"
                node.step(phi + (1 + twice) * node.off.get("phi", 0.0))
                for what, value in node.seen.items():
                    found[what].setdefault(i, []).append(value)
            found["s"][i].append(node.state)
    return {what: {i: np.stack(v, 1) for i, v in of.items()} for what, of in found.items()}
