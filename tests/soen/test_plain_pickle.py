"""Model files are read as plain data: whatever a file asks for, nothing of it is executed."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leyden import soen
from leyden.soen.plain_pickle import read
from tests.soen.golden_case import GOLDEN


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (f"touch {self.target}",)


def torch_file(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("packed", [pickle.dumps, torch_file], ids=["pickle", "zip"])
@pytest.mark.parametrize("hidden", ["whole", "in a state dictionary"])
def test_a_hostile_file_executes_nothing_and_says_so(tmp_path: Path, packed: Any, hidden: str) -> None:
    trace, path = tmp_path / "executed", tmp_path / "model.soen"
    hostile: Any = Hostile(trace)
    if hidden != "whole":
        hostile = {
            "state_dict": {"dt": hostile},
            "sim_config": {},
            "layers_config": [],
            "connections_config": [],
        }
    path.write_bytes(packed(hostile))
    with pytest.raises(soen.CircuitError, match=r"(posix|nt)\.system; nothing of it was executed"):
        soen.load(path)
    assert not trace.exists()
    torch.load(
        io.BytesIO(torch_file(Hostile(trace))), weights_only=False
    )  # the same file does harm elsewhere
    assert trace.exists()


def test_a_hostile_rate_table_executes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "base_rate_array.soen"
    path.write_bytes(pickle.dumps({"ib_list": Hostile(tmp_path / "executed")}))
    with pytest.raises(soen.CircuitError, match="nothing of it was executed"):
        soen.RateTable.read(path)
    assert not (tmp_path / "executed").exists()


def test_the_table_of_the_original_is_read_from_its_pickle(tmp_path: Path) -> None:
    reference = soen.RateTable.read(GOLDEN / "rate_array.npz")
    held = {"ib_list": reference.currents, "phi_array": reference.fluxes, "g_array": reference.rates}
    (tmp_path / "table.soen").write_bytes(pickle.dumps(held | {"params": {"beta_c": 0.3}}))
    np.testing.assert_array_equal(soen.RateTable.read(tmp_path / "table.soen").rates, reference.rates)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read_as_it_was_written(protocol: int) -> None:
    content = {"a": [1, 2.5, "text", None, True], "b": (b"raw", {"c": np.arange(6.0).reshape(2, 3)[:, ::2]})}
    found = read(pickle.dumps(content, protocol), "a file")
    np.testing.assert_array_equal(found["b"][1]["c"], content["b"][1]["c"])
    assert found["a"] == content["a"]


def test_tensors_are_read_as_torch_reads_them(tmp_path: Path) -> None:
    base = torch.arange(12.0)
    content = {
        "view": base[2:8].view(2, 3).t(),
        "scalar": torch.tensor(3),
        "none": torch.zeros(0, 2),
        "flag": torch.tensor([True]),
    }
    with zipfile.ZipFile(io.BytesIO(torch_file(content))) as archive:
        prefix = archive.namelist()[0].partition("/")[0]
        storages = {
            name.rpartition("/")[2]: archive.read(name) for name in archive.namelist() if "/data/" in name
        }
        found = read(archive.read(f"{prefix}/data.pkl"), "a file", storages)
    for name, tensor in content.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-3],
        lambda raw: b"",
        lambda raw: raw.replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v9"),
        lambda raw: b"\x80\x02c_codecs\nencode\n}b.",
        lambda raw: b"\x80\x02ccollections\nOrderedDict\n}b.",
    ],
)
def test_a_damaged_pickle_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(GOLDEN / "sd_tracking_power.soen") as archive:
        name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
        raw = damage(archive.read(name))
    with pytest.raises(soen.CircuitError, match="nothing of it was executed"):
        read(raw, "model.soen")


def test_a_tensor_cannot_reach_beyond_its_storage() -> None:
    from leyden.soen.plain_pickle import Refused, tensor

    storage = np.arange(4.0)
    np.testing.assert_array_equal(tensor(storage, 1, (3,), (1,)), [1, 2, 3])
    for offset, shape, strides in [(2, (3,), (1,)), (0, (2,), (-1,)), (0, (2, 2), (4, 1)), (-1, (1,), (1,))]:
        with pytest.raises(Refused):
            tensor(storage, offset, shape, strides)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.soen").write_bytes(torch_file({"weights": torch.ones(2)}))
    with pytest.raises(soen.CircuitError, match="must hold state_dict, sim_config"):
        soen.load(tmp_path / "a.soen")
    (tmp_path / "b.txt").write_text("hello")
    with pytest.raises(soen.CircuitError, match=r"\.txt"):
        soen.load(tmp_path / "b.txt")
    with pytest.raises(soen.CircuitError, match="does not exist"):
        soen.load(tmp_path / "c.yaml")
