"""What `leyden soen` writes: whole or not at all, and never over what it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leyden.cli.main import main as command_line

CUSTOM = """\
layers:
  - {layer_id: 0, layer_type: Linear, params: {dim: 2, polarity_file: signs.npy}}
  - {layer_id: 1, layer_type: Linear, params: {dim: 3}}
connections:
  - from_layer: 0
    to_layer: 1
    params:
      structure: {type: custom, params: {mask_file: mask.npz}}
      init: {name: custom, params: {weights_file: weights.npy}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A circuit that comes in four files, and an input."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circuit.yaml").write_text(CUSTOM)
    np.save("signs.npy", np.array([1, -1]))
    np.save("weights.npy", np.ones((3, 2)))
    np.savez("mask.npz", mask=np.ones((3, 2)))
    np.savez("x.npz", input=np.ones((1, 4, 2), dtype=np.float32))
    return tmp_path


def simulate(*words: str) -> int:
    return command_line(["soen", "simulate", "circuit.yaml", "--input", "x.npz", *words])


def held() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written breaks off in the middle."""
    from matplotlib.figure import Figure

    def cut(file: Any, *args: object, **settings: object) -> None:
        if hasattr(file, "write"):
            file.write(b"half")
        else:
            Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", cut)
    monkeypatch.setattr(Figure, "savefig", lambda self, file, **settings: cut(file))


GRID = ("--currents", "2.1", "2.2", "2", "--fluxes", "2")


@pytest.mark.parametrize("words", [("simulate", "circuit.yaml", "--input", "x.npz"), ("rate-table", *GRID)])
def test_a_file_stays_as_it_was_until_the_new_one_is_whole(words: tuple[str, ...], breaking: None) -> None:
    Path("out.npz").write_bytes(b"old")
    before = held()
    assert command_line(["soen", *words, "--output", "out.npz"]) == 130
    assert held() == before  # nothing half written lies about, either


def test_a_picture_stays_as_it_was_until_the_new_one_is_whole(
    breaking: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leyden.soen.archive.write_arrays", lambda path, arrays: path.write_bytes(b""))
    Path("p.png").write_bytes(b"old")
    assert simulate("--output", "out.npz", "--plot", "p.png") == 130
    assert Path("p.png").read_bytes() == b"old"


@pytest.mark.parametrize("file", ["mask.npz", "weights.npy", "signs.npy", "rate_array.npz", "circuit.yaml"])
@pytest.mark.parametrize("option", ["--output", "--plot"])
def test_a_file_that_the_circuit_comes_with_is_not_replaced(option: str, file: str, capsys) -> None:
    before = held()
    assert simulate("--output", "out.npz", option, file) == 2
    assert f"{option} {file} would replace a file that is read; name another" in capsys.readouterr().err
    assert held() == before


def test_histories_and_a_picture_go_to_two_files(capsys) -> None:
    assert simulate("--output", "new.png", "--plot", "./new.png") == 2
    assert "--plot and --output must name two files, but both name new.png" in capsys.readouterr().err
    assert not Path("new.png").exists()


@pytest.mark.parametrize("words", [("--seed", "-1"), ("--parameters", "absent.npz")])
def test_a_run_that_is_refused_makes_no_folder(words: tuple[str, ...]) -> None:
    assert simulate("--output", "new/out.npz", "--plot", "other/p.png", *words) == 2
    assert not Path("new").exists() and not Path("other").exists()


def test_a_link_stays_one_and_its_goal_is_replaced() -> None:
    Path("goal.npz").write_bytes(b"old")
    Path("link.npz").symlink_to("goal.npz")
    assert simulate("--output", "link.npz") == 0
    assert Path("link.npz").is_symlink()
    with np.load("goal.npz") as found:
        assert "layer_1" in found


def test_a_device_stays_one(capsys) -> None:
    assert simulate("--output", "/dev/null") == 2
    assert "--output must name a file, but /dev/null is a device" in capsys.readouterr().err
    assert Path("/dev/null").is_char_device()


def test_a_name_may_be_as_long_as_names_are() -> None:
    assert simulate("--output", f"{'ä' * 125}.npz") == 0
    assert Path(f"{'ä' * 125}.npz").is_file()
    assert simulate("--output", f"{'ä' * 126}.npz") == 2
