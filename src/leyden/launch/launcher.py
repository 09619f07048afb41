"""The contract of launchers: who starts the processes of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from leyden.spec.parts import Kind

launcher = Kind("launcher")


@launcher.contract
class Launcher(ABC):
    """Starts a run somewhere."""

    @abstractmethod
    def submit(self, resolved: Path, /) -> str:
        """Hand over the run whose resolved file is ``resolved``; returns its name, empty if it ran here."""
