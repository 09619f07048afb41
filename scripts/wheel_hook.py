"""Puts the simulator's compiled time loop into a wheel: a library for each family of processors.

Whoever installs such a wheel needs no compiler. Without one here the wheel is a pure one, whose users compile
at first use or run on torch operations. On Linux, `auditwheel repair` makes it fit for an index.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNEL = Path("src/leyden/soen/kernel/compiler.py")


class WheelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling before and after a wheel is built."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile every variant for machines like this one, and name the wheel after them."""
        self.made = Path(tempfile.mkdtemp())
        if version == "editable":
            return
        compiler = _loaded(Path(self.root) / KERNEL)
        family = {"AMD64": "x86_64"}.get(platform.machine(), platform.machine()).replace("_", "-")
        variants = [v for v in compiler.VARIANTS if v.name == "generic" or v.name.startswith(family)]
        try:
            libraries = [compiler.compiled(variant, self.made) for variant in variants]
        except compiler.NoCompilerError as error:
            self.app.display_warning(f"a wheel without compiled libraries: {error}")
            return
        build_data["force_include"] |= {str(one): f"leyden/soen/kernel/built/{one.name}" for one in libraries}
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled; the wheel has it."""
        shutil.rmtree(self.made)


def _loaded(file: Path) -> ModuleType:
    """A module on its own: nothing that Leyden needs is there while it is built."""
    spec = importlib.util.spec_from_file_location("compiler", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
