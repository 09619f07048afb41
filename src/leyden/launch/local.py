"""The launcher for this machine."""

from __future__ import annotations

from pathlib import Path

from leyden.launch.launcher import Launcher, launcher


@launcher("local")
class Local(Launcher):
    """Runs here, in this process and in those that the trainer's strategy starts for further devices.

    Example:
        type: local
    """

    def submit(self, resolved: Path, /) -> str:
        from leyden.main.train import train

        train(resolved)
        return ""
