"""Superconducting optoelectronic circuits: described, checked, simulated, trained. No torch until `build`."""

from .build import build as build
from .build import explain as explain
from .build import save as save
from .circuit import Circuit as Circuit
from .connections import Connection as Connection
from .connections import ConnectionParams as ConnectionParams
from .connections import Nocc as Nocc
from .connections import Wicc as Wicc
from .disturbance import Noise as Noise
from .disturbance import Perturbation as Perturbation
from .files import load as load
from .files import write_description as write_description
from .layers import Layer as Layer
from .problems import CircuitError as CircuitError
from .quantization import Quantization as Quantization
from .quantization import codebook as codebook
from .rate_table import RateTable as RateTable
from .saved import Saved as Saved
from .simulation import Simulation as Simulation
from .units import Junction as Junction
from .units import convert as convert
from .units import convert_many as convert_many
