"""The equations of circuits once more, in numpy and one step at a time, to hold the simulator against.

Nothing of the simulator is used but the numbers that a network holds.
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


SOURCES = {
    "Heaviside_state_dep": heaviside,
    "Tanh": lambda phi, _: np.tanh(phi),
    "SimpleGELU": lambda phi, _: 0.5 * phi * np.tanh(0.8 * phi) + 0.5 * phi,
}


def smooth(x: Array) -> Array:
    return np.sqrt(x * x + 0.01)


class Edge:
    """One connection and the states of its circuits."""

    def __init__(self, net: Any, connection: Any, batch: int) -> None:
        key, self.dt = connection.key, float(net.dt)
        self.weight = net.connections[key].detach().numpy() * net.masks[key].numpy()
        self.mode, self.settings = connection.params.mode, connection.params.connection_params
        self.to, self.start = np.nonzero(net.masks[key].numpy())
        self.fan_in = net.masks[key].numpy().sum(1)
        self.s1 = np.zeros((batch, len(self.to)))
        self.s2, self.m = np.zeros_like(self.s1), np.zeros((batch, len(self.weight)))

    def output(self) -> Array:
        k = self.settings
        if self.mode == "NOCC":
            return k.j_out * self.m
        j_out = np.float32(2.5e-10 / (40e-12 * self.fan_in + 3.35e-10)).astype(float)
        return j_out * self.gathered(self.s1)

    def gathered(self, edges: Array) -> Array:
        found = np.zeros((len(edges), len(self.weight)))
        for e, to in enumerate(self.to):
            found[:, to] += edges[:, e]
        return found

    def step(self, source: Array) -> Array:
        if self.mode == "fixed":
            return source @ self.weight.T
        k, dt = self.settings, self.dt
        x = k.j_in * source[:, self.start]
        y = self.weight[self.to, self.start] + 0.5 * k.half_flux_offset
        g, bias = SOURCES[k.source_func], k.bias_current
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

    def __init__(self, net: Any, spec: Any, start: Array, loop: Edge | None) -> None:
        self.kind, self.loop, self.dt = spec.layer_type, loop, float(net.dt)
        self.p = {name: v.detach().numpy() for name, v in net.layer(spec.layer_id).values().items()}
        self.g = SOURCES.get(getattr(spec.params, "source_func", ""))
        self.state = start
        self.s1, self.s2 = np.zeros_like(start), np.zeros_like(start)

    def step(self, phi: Array) -> None:
        p, g, s, dt = self.p, self.g, self.state, self.dt
        if self.loop is not None:
            phi = phi + self.loop.step(s)
        if self.kind == "Linear":
            self.state = phi
        elif self.kind == "ScalingLayer":
            self.state = phi * p["scale_factor"]
        elif self.kind == "Softmax":
            raised = np.exp(p["beta"] * phi)
            self.state = raised / raised.sum(-1, keepdims=True)
        elif self.kind == "Readout":
            self.state = g(phi + p["phi_offset"], p["bias_current"])
        elif self.kind == "SingleDendrite":
            drive = g(phi + p["phi_offset"], p["bias_current"] - s)
            self.state = s + dt * (p["gamma_plus"] * drive - p["gamma_minus"] * s)
        elif self.kind == "MultiplierWICC":
            drive = g(phi + p["phi_y"], p["bias_current"] - s) - g(phi - p["phi_y"], p["bias_current"] + s)
            self.state = s + dt * (p["gamma_plus"] * drive - p["gamma_minus"] * s)
        else:
            assert self.kind == "MultiplierNOCC"
            self._without_coils(phi)

    def _without_coils(self, phi: Array) -> None:
        p, g, bias, dt = self.p, self.g, self.p["bias_current"], self.dt
        rows = 1 if self.loop is None else (self.loop.weight != 0).sum(1)
        g1, g2 = g(phi + p["phi_y"], smooth(bias - self.s1)), g(phi - p["phi_y"], smooth(self.s2 - bias))
        dm = (g1 - g2 - p["alpha"] * self.state) / (p["beta"] + 2 * rows * p["beta_out"])
        ds1 = (g1 - p["beta_out"] * dm - p["alpha"] * self.s1) / p["beta"]
        ds2 = (g2 - p["beta_out"] * dm - p["alpha"] * self.s2) / p["beta"]
        self.state, self.s1, self.s2 = self.state + dt * dm, self.s1 + dt * ds1, self.s2 + dt * ds2


def simulated(net: Any, x: Array, start: dict[int, Array]) -> dict[int, Array]:
    """History of every layer, (batch, time + 1, nodes). Layer by layer is Gauss-Seidel without feedback.

    Args:
        net: A network, whose numbers are taken.
        x: Input, (batch, time, nodes).
        start: State of every layer before the first step, (batch, nodes).
    """
    circuit, (batch, steps, _) = net.circuit, x.shape
    k, first = circuit.simulation, circuit.ordered[0].layer_id
    edges = {c.key: Edge(net, c, batch) for c in circuit.connections}
    loops = {c.to_layer: edges[c.key] for c in circuit.connections if c.internal}
    nodes = {s.layer_id: Node(net, s, start[s.layer_id], loops.get(s.layer_id)) for s in circuit.ordered}
    history = {i: [node.state] for i, node in nodes.items()}
    for t in range(steps):
        before = {i: node.state for i, node in nodes.items()}
        for i, node in nodes.items():
            if i == first and k.input_type == "state":
                node.state = x[:, t]
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
                node.step(phi)
            history[i].append(node.state)
    return {i: np.stack(states, 1) for i, states in history.items()}
