"""`leyden soen` told wrong: a wrong file, array or option is one message with its repair, and exit code 2."""

from __future__ import annotations

import errno
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leyden.cli.main import main as command_line
from tests.soen.golden_case import GOLDEN

CIRCUIT = GOLDEN / "sd_RateArray.yaml"
X = np.load(GOLDEN / "sd_RateArray.npz")["input"]
TABLE = dict(np.load(GOLDEN / "rate_array.npz"))
OFFSET = "param/layers.1.phi_offset"


class Hostile:
    """What a pickle can do to its reader."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("touch executed",)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", input=X)
    (tmp_path / "folder.npz").mkdir()
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert command_line(["soen", *words]) == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told and "stopped by" not in told
    return told


def simulate(*words: str, circuit: Path | str = CIRCUIT) -> tuple[str, ...]:
    """The words that simulate; of an option that is given twice the later one counts."""
    return ("simulate", str(circuit), "--input", "x.npz", "--output", "out.npz", *words)


def with_nan(array: np.ndarray) -> np.ndarray:
    array = np.array(array)
    array[(1,) * array.ndim] = np.nan
    return array


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": X}, "must have an array `input`, (batch, time, features), but has x"),
        ({"input": X[0]}, "must be (batch, time, features), none of them 0, but has shape (12, 4)"),
        ({"input": X[:0]}, "has shape (0, 12, 4)"),
        ({"input": X[..., :2]}, "must have 4 channels, as the first layer has nodes, but got 2"),
        ({"input": with_nan(X)}, "`input` must be finite, but [1, 1, 1] is nan"),
        ({"input": X.astype(int)}, "must be floating point, but got torch.int64; encode integers first"),
        ({"input": X.astype(complex)}, "`input` must hold real numbers, but got complex128"),
        ({"input": X.astype(str)}, "`input` must hold real numbers, but got <U"),
        ({"input": np.array([X, None], dtype=object)}, "must be a .npz file of plain arrays"),
        (
            {"input": X, "init/layer_1": np.full(5, np.inf)},
            "`init/layer_1` must be finite, but [0] is inf, and",
        ),
    ],
)
def test_an_input_that_cannot_be_simulated_is_refused(arrays, told: str, capsys) -> None:
    np.savez("bad.npz", **arrays)
    assert told in refused(capsys, *simulate("--input", "bad.npz"))
    assert not Path("out.npz").exists()


@pytest.mark.parametrize("option", ["--input", "--parameters", "--rate-table"])
@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("absent.npz", None, "absent.npz does not exist"),
        ("folder.npz", None, "folder.npz is a folder; name a file in it"),
        ("empty.npz", b"", "must be a .npz file of plain arrays: it is damaged, or something else"),
        ("text.npz", b"hello", "must be a .npz file of plain arrays: it is damaged, or something else"),
        ("cut.npz", 300, "must be a .npz file of plain arrays: it is damaged, or something else"),
    ],
)
def test_a_file_that_holds_no_arrays_is_refused(option: str, file: str, content, told: str, capsys) -> None:
    if content is not None:
        whole = Path("x.npz").read_bytes()
        Path(file).write_bytes(whole[:content] if isinstance(content, int) else content)
    assert told in refused(capsys, *simulate(option, file))


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({OFFSET: np.zeros(99)}, f"{OFFSET} must have shape (5,), but got (99,)"),
        ({"mask/J_0_to_1": np.ones((2, 2))}, "mask/J_0_to_1 must have shape (5, 4), but got (2, 2)"),
        ({"param/layers.1.phi_ofset": np.zeros(5)}, f"no param/layers.1.phi_ofset; did you mean `{OFFSET}`?"),
        ({OFFSET: np.zeros(5)}, "the circuit also needs param/layers.1.bias_current"),
        ({OFFSET: np.full(5, np.nan)}, f"`{OFFSET}` must be finite, but [0] is nan, and 4 more"),
        ({"weights": np.zeros(3)}, "must have arrays param/, mask/, init/, wicc_j_out/..., but has weights"),
        ({"init/layer_1": np.zeros(9)}, "layer_1 must have shape (5,) or (3, 5), but got (9,)"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(arrays, told: str, capsys) -> None:
    np.savez("p.npz", **arrays)
    assert told in refused(capsys, *simulate("--parameters", "p.npz"))


def test_couplings_of_the_wrong_number_are_refused(capsys) -> None:
    circuit, arrays = GOLDEN / "conn_WICC_layerwise.yaml", GOLDEN / "conn_WICC_layerwise.npz"
    np.savez("p.npz", **{"wicc_j_out/J_0_to_1": np.ones(99)})
    words = simulate("--input", str(arrays), "--parameters", "p.npz", circuit=circuit)
    assert "wicc_j_out/J_0_to_1 must have shape (5,), but got (99,)" in refused(capsys, *words)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"phi_array": None, "g_array": None}, "there must be an array `phi_array`"),
        ({"g_array": with_nan(TABLE["g_array"])}, "`g_array` must be finite, but [1, 1] is nan"),
        ({"g_array": TABLE["g_array"] * 1j}, "`g_array` must hold real numbers, but got complex128"),
        ({"g_array": TABLE["g_array"][:50]}, "one current for each of 50 rows, but got (201,)"),
        ({"g_array": np.array(1.0)}, "at least 2 x 2 numbers, but got shape ()"),
        ({"ib_list": TABLE["ib_list"][::-1]}, "currents must ascend in equal steps"),
        ({"phi_array": TABLE["phi_array"][:7]}, "phi_array must be 201 fluxes in equal steps from 0 to 0.5"),
        ({"phi_array": 2 * TABLE["phi_array"]}, "phi_array must be 201 fluxes in equal steps from 0 to 0.5"),
        ({"params": np.array("{")}, "params must be JSON"),
    ],
)
def test_a_rate_table_that_is_none_is_refused_with_its_file(changed, told: str, capsys) -> None:
    np.savez("t.npz", **{name: a for name, a in (TABLE | changed).items() if a is not None})
    message = refused(capsys, *simulate("--rate-table", "t.npz"))
    assert told in message and "in the rate table t.npz" in message


@pytest.mark.parametrize("words", [("show", "hostile.soen"), simulate(circuit="hostile.soen")])
def test_a_hostile_pickle_as_a_circuit_executes_nothing(words: tuple[str, ...], capsys) -> None:
    Path("hostile.soen").write_bytes(pickle.dumps({"state_dict": Hostile()}))
    assert "is not plain data: it names" in refused(capsys, *words)
    assert not Path("executed").exists()


def test_a_hostile_pickle_as_a_rate_table_executes_nothing(capsys) -> None:
    Path("hostile.soen").write_bytes(pickle.dumps({"ib_list": Hostile()}))
    told = refused(capsys, *simulate("--rate-table", "hostile.soen"))
    assert "is not plain data" in told and "nothing of it was executed" in told
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("cut.yaml", b"layers: [\n", "cut.yaml:2:1 is no YAML: expected the node content"),
        ("latin.yaml", b"layers: \xff", "latin.yaml is no YAML: 'utf-8' codec can't decode"),
        ("cut.json", b"{", "cut.json is no JSON"),
        ("list.yaml", b"- 1\n", "must hold a mapping with layers and connections"),
        ("number.json", b"3", "must hold a mapping with layers and connections"),
        ("null.json", b"null", "must hold a mapping with layers and connections"),
        ("deep.json", b"[" * 99_999, "deep.json is nested too deeply to be a circuit"),
        (
            "deep.yaml",
            b"layers: " + b"[" * 999 + b"]" * 999,
            "deep.yaml is nested too deeply to be a circuit",
        ),
        (
            "twice.json",
            b'{"layers":\n 1, "layers": 2}',
            "twice.json:2:5  layers: a key stands only once; it st",
        ),
        ("circuit.txt", b"", "a circuit is a .yaml, .json, .soen or .pth file, but got '.txt'"),
    ],
)
def test_a_file_that_describes_no_circuit_is_refused(file: str, content: bytes, told: str, capsys) -> None:
    Path(file).write_bytes(content)
    assert told in refused(capsys, "show", file)


def test_a_file_that_cannot_be_opened_is_refused(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    assert "cannot be read: File name too long" in refused(capsys, "show", "x" * 300 + ".yaml")
    for file in ("closed.yaml", "closed.json", "closed.soen"):
        Path(file).touch()
        with monkeypatch.context() as patched:  # whoever runs the tests may be allowed to read everything
            patched.setattr(io, "open", _closed)
            assert f"{file} cannot be read: Permission denied" in refused(capsys, "show", file)


def _closed(*_: object, **__: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--output", "folder.npz"), "--output must name a file, but folder.npz is a folder"),
        (("--output", "x.npz"), "--output x.npz would replace a file that is read; name another"),
        (("--output", "x.npz/out.npz"), "--output x.npz/out.npz cannot be written: "),
        (("--plot", "p.txt"), "p.txt must end in one of"),
        (("--plot", "p"), "p must end in one of"),
        (("--plot", "p.png", "--sample", "3"), "sample must lie between 0 and 2, but got 3"),
        (("--sample", "1"), "--sample says which sample a picture shows; give --plot too"),
        (("--seed", "-1"), "--seed must lie between 0 and 2^32 - 1, but got -1"),
    ],
)
def test_an_option_that_cannot_be_followed_is_refused_before_anything_is_written(words, told, capsys) -> None:
    if "--plot" in words:
        pytest.importorskip("matplotlib")
    before = {path: path.read_bytes() for path in Path().glob("*.*") if path.is_file()}
    assert told in refused(capsys, *simulate(*words))
    assert {path: path.read_bytes() for path in Path().glob("*.*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--currents", "-1", "2", "2"), "at least 2 currents from 0 on in ascending order"),
        (("--currents", "1", "inf", "2"), "at least 2 currents from 0 on in ascending order"),
        (("--currents", "1", "2", "x"), "--currents takes two numbers and a count"),
        (("--currents", "1", "2", "9999999"), "at most 10,000,000 points, but"),
        (("--currents", "0", "1e6", "3"), "currents must lie between 0 and 2 / step = 20"),
        (("--beta-c", "nan"), "beta_c must be finite and above 0, but got nan"),
        (("--beta", "inf"), "beta must be finite and above 0, but got inf"),
        (
            ("--beta-c", "1e-9"),
            "at most 10,000,000 steps of time, but --beta-c 1e-09 and --beta 1.5708 need 3.7e+12",
        ),
        (("--beta-c", "1e9"), "at most 10,000,000 steps of time"),
        (("--output", "folder.npz"), "--output must name a file"),
    ],
)
def test_a_rate_table_that_cannot_be_computed_is_refused(words, told: str, capsys) -> None:
    assert told in refused(capsys, "rate-table", "--output", "t.npz", "--fluxes", "2", *words)
    assert not Path("t.npz").exists()


def test_what_a_simulation_warns_of_is_a_line_without_python(capsys) -> None:
    text = CIRCUIT.read_text()
    Path("hot.yaml").write_text(text.replace("dt: 37", "dt: 1.0e+5"))
    assert command_line(["soen", *simulate(circuit="hot.yaml")]) == 0
    told = capsys.readouterr().err
    assert "warning: layer 1: dt gamma_minus is" in told and ".py" not in told


def test_files_go_where_they_are_told_to_even_if_the_folder_is_new(capsys) -> None:
    assert command_line(["soen", *simulate("--output", "new/folder/out")]) == 0
    assert Path("new/folder/out").is_file()
    grid = ("--currents", "2.1", "2.2", "2", "--fluxes", "2")
    assert command_line(["soen", "rate-table", "--output", "new/table", *grid]) == 0
    assert Path("new/table").is_file()  # under that name, although it has no ending


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_problems_of_a_circuit_say_where_in_the_file_they_are(
    ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(f"circuit{ending}")
    file.write_text('{"layers": [\n {"layer_id": 0, "layer_type": "Linear",\n  "params": {"dim": 0}}]}')
    said = refused(capsys, "show", str(file))
    assert f"{file}:3:21  layers[0].params.dim: must be at least 1, but got 0" in said
