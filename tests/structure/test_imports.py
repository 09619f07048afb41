"""`leyden --help` and `leyden check` cost a fraction of importing torch: nothing on their way imports it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.structure.source import FILES, PACKAGE, imported, module_level, short

#: these take longer to import than a whole check may take
HEAVY = {
    "torch", "lightning", "torchmetrics", "pandas", "pyarrow", "sklearn", "scipy", "matplotlib", "PIL", "jax",
    "onnx", "tensorboard", "mlflow", "wandb", "optuna", "tensorstore", "av", "h5py", "kubernetes", "boto3",
}  # fmt: skip

#: rooms that are only entered once a run is being built
BUILDING = (
    "backends/torch",
    "backends/jax",
    "models/nets",
    "optim/algorithms",
    "soen/torch",
    "soen/kernel",
    "soen/jax",
)


def on_the_check_path() -> list:
    return [p for p in FILES if not p.relative_to(PACKAGE).as_posix().startswith(BUILDING)]


@pytest.mark.parametrize("path", on_the_check_path(), ids=short)
def test_check_path_imports_nothing_heavy(path):
    heavy = [
        f"{short(path)}:{statement.lineno} {module}"
        for statement in module_level(path)
        for module in imported(statement)
        if module.split(".")[0] in HEAVY
    ]
    assert heavy == []


@pytest.mark.parametrize("path", FILES, ids=short)
def test_only_the_torch_backend_imports_lightning(path):
    # import-linter sees module level and functions alike but not strings; this one sees what a reader sees
    if path.relative_to(PACKAGE).as_posix().startswith("backends/torch/"):
        return
    text = path.read_text()
    assert "import lightning" not in text
    assert "from lightning" not in text


def test_importing_every_room_on_the_check_path_loads_no_torch():
    modules = sorted(
        ".".join(("leyden", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in on_the_check_path()
        if path.stem != "__main__"
    )
    program = "\n".join(
        [
            "import importlib, sys",
            f"for name in {modules!r}:",
            "    importlib.import_module(name)",
            f"print(sorted({HEAVY!r} & set(sys.modules)))",
        ]
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
