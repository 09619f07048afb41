"""Power and energy of dendrites, from what a simulation recorded."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..units import Junction


@dataclass(frozen=True, kw_only=True)
class Power:
    """Power and energy of one layer, dimensionless, (batch, time, nodes) each.

    Args:
        bias: Power that the bias current delivers, g I_b.
        dissipated: Power that becomes heat: what is delivered less what goes into the stored current.
        bias_energy: Its sum over time.
        dissipated_energy: Likewise.
        junction: What turns them into W and J.
    """

    bias: Tensor
    dissipated: Tensor
    bias_energy: Tensor
    dissipated_energy: Tensor
    junction: Junction

    @property
    def watts(self) -> tuple[Tensor, Tensor]:
        """Bias and dissipated power in W."""
        return self.bias * self.junction.power_unit, self.dissipated * self.junction.power_unit

    @property
    def joules(self) -> tuple[Tensor, Tensor]:
        """Bias and dissipated energy in J."""
        return (
            self.bias_energy * self.junction.energy_unit,
            self.dissipated_energy * self.junction.energy_unit,
        )


def dendrite_power(
    g: Tensor,
    history: Tensor,
    bias: Tensor,
    gamma_plus: Tensor,
    gamma_minus: Tensor,
    dt: Tensor,
    junction: Junction,
) -> Power:
    """Power of a dendrite layer.

    P_bias = g I_b and P_diss = P_bias - s ds/dt / gamma_plus, with the state after the step and the
    derivative that led to
    it; energies are sums of P dt.

    Args:
        g: What the source function gave, (batch, time, nodes).
        history: States, (batch, time + 1, nodes).
        bias: I_b, (nodes,).
        gamma_plus: (nodes,).
        gamma_minus: (nodes,).
        dt: Time step.
        junction: What turns power and energy into W and J.
    """
    ds = gamma_plus * g - gamma_minus * history[:, :-1]
    delivered = g * bias
    dissipated = delivered - history[:, 1:] * ds / gamma_plus.clamp(min=1e-12)
    return Power(
        bias=delivered,
        dissipated=dissipated,
        bias_energy=torch.cumsum(delivered * dt, 1),
        dissipated_energy=torch.cumsum(dissipated * dt, 1),
        junction=junction,
    )
