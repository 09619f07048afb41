"""A source of the library that compiles at once: it has every function, and none does anything."""

from __future__ import annotations

from pathlib import Path

from leyden.soen.kernel import abi

HEAD = """
#define FUNCTION(name, value) __attribute__((visibility("default"))) int name(void) { return value; }
#if BITS == 32
#define SIZED(name) FUNCTION(name##_f32, 0)
#else
#define SIZED(name) FUNCTION(name##_f64, 0)
#endif
"""


def stub(folder: Path) -> Path:
    """Write the units of the library into a folder."""
    folder.mkdir()
    functions = "".join(f"SIZED({name})\n" for name in abi.FUNCTIONS)
    version = f"#if BITS == 32\nFUNCTION(leyden_soen_abi, {abi.ABI})\n#endif\n"
    (folder / "unit_cells.c").write_text(HEAD + functions + version)
    (folder / "unit_together.c").write_text("static int nothing;\n")
    return folder
