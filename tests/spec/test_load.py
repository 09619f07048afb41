"""From files, environments and command lines to a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from leyden.spec import RunFileError, build, load
from tests.spec.conftest import PLAIN


def test_json_and_toml_say_the_same_as_yaml(loaded):
    import json

    run = loaded()
    from leyden.spec.yaml import read_yaml

    tree = read_yaml(PLAIN, "f").tree
    assert loaded(json.dumps(tree, indent=1), name="run.json") == run
    toml = """
name = "plain"
task = "classification"
loss = "cross_entropy"
metrics = ["accuracy"]
model = {type = "mlp", hidden = [8]}
optimizer.type = "adamw"
optimizer.lr = 1e-3

[data]
batch_size = 32
[data.train]
type = "toy"
kind = "blobs"
[data.split]
type = "random"
val = 0.2
[trainer]
max_epochs = 2
[checkpoint]
monitor = "val/accuracy"
mode = "max"
"""
    assert loaded(toml, name="run.toml") == run


def test_problems_of_toml_have_lines(refused):
    text = 'name = "x"\n\n[trainer]\nmax_epcohs = 3\n\n[[callbacks]]\ntype = "early_stoping"\n'
    problems = {p.key: p.place for p in refused(text, name="run.toml").problems}
    assert problems["trainer.max_epcohs"].line == 4
    assert problems["callbacks.0.type"].line == 7
    [problem] = refused("a = 1\nb = = 2\n", name="run.toml").problems
    assert (problem.place.line, "no TOML" in problem.rule) == (2, True)


def test_cue_needs_its_program(refused, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "`cue`, which is not installed" in str(refused("name: 3", name="run.cue"))


def test_cue_is_read_through_its_program(loaded, tmp_path, monkeypatch: pytest.MonkeyPatch):
    import json
    import os
    import stat

    from leyden.spec.yaml import read_yaml

    program = tmp_path / "bin" / "cue"
    program.parent.mkdir()
    exported = json.dumps(read_yaml(PLAIN, "f").tree)
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{exported}\nEND\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    assert loaded("anything", name="run.cue") == loaded()


def test_missing_files_name_the_nearest_one():
    Path("digits.yaml").write_text(PLAIN)
    with pytest.raises(RunFileError, match=r"did you mean `digits\.yaml`"):
        load("digit.yaml")


def test_files_that_are_no_text_or_no_mapping_are_refused(refused):
    Path("x.yaml").write_bytes(b"name: x\nseed: \xff\n")
    with pytest.raises(RunFileError, match=r"x\.yaml:2:1 .*UTF-8"):
        load("x.yaml")
    assert "is a mapping" in str(refused("- 1\n"))
    with pytest.raises(RunFileError, match="cannot be read"):
        load(".")


def test_a_byte_order_mark_is_no_problem(loaded):
    assert loaded("\ufeff" + PLAIN) == loaded()


def test_an_empty_file_says_what_it_needs(refused):
    assert {"data", "model"} <= {p.key for p in refused("").problems}


# extends


def test_extends_merges_deeply_and_later_wins(loaded):
    Path("base.yaml").write_text(PLAIN)
    Path("more.yaml").write_text("data: {batch_size: 8}\nseed: 7\n")
    run = loaded(
        "extends: [base.yaml, more.yaml]\nseed: 9\ntrainer: {gradient_clip_val: 1.0}\n", name="child.yaml"
    )
    assert (run.seed, run.data.batch_size, run.trainer.max_epochs) == (9, 8, 2)
    assert run.origins["data.batch_size"] == "more.yaml:1"
    assert run.origins["trainer.max_epochs"] == "base.yaml:12"
    assert run.origins["seed"] == "child.yaml:2"


@pytest.mark.parametrize("terms", ["{a: mse, b: {type: l1}}", '{a: {"@type": mse}}'])
def test_named_losses_replace_a_single_one_that_is_extended(loaded, terms: str):
    base = PLAIN.replace("loss: cross_entropy", "loss: {type: cross_entropy, label_smoothing: 0.1}")
    Path("base.yaml").write_text(base)
    child = "extends: base.yaml\nmetrics: null\ncheckpoint: null\n"
    assert {"a"} <= loaded(child + f"loss: {terms}\n", name="child.yaml").loss.keys() <= {"a", "b"}
    run = loaded(child + "loss: {weight: {type: linear}}\n", name="child.yaml")
    assert run.loss["cross_entropy"].settings()["label_smoothing"] == 0.1


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (
            "{fo: focall, ce: {type: cross_entrop}}",
            ["did you mean `focal`?", "did you mean `cross_entropy`?"],
        ),
        ("{mine: my_losses:Mine}", ["loss.mine: a run file runs code that it names only if told so"]),
        ("{label_smothing: 0.2}", ["unknown key; did you mean `label_smoothing`?"]),
        ("{label_smoothing: high}", ["loss.label_smoothing: "]),
        ("{mine: {type: [mse]}}", ["loss.mine"]),
    ],
)
def test_losses_of_any_name_replace_a_single_one_and_settings_do_not(refused, terms: str, said: list[str]):
    base = PLAIN.replace("loss: cross_entropy", "loss: {type: cross_entropy, label_smoothing: 0.1}")
    Path("base.yaml").write_text(base)
    error = refused(f"extends: base.yaml\nloss: {terms}\n", name="child.yaml")
    assert len(error.problems) == len(said) and all(words in str(error) for words in said)


def test_extends_starts_from_the_folder_of_its_file(loaded):
    Path("sub").mkdir()
    Path("sub/base.yaml").write_text(PLAIN)
    Path("sub/child.yaml").write_text("extends: base.yaml\n")
    assert loaded("extends: sub/child.yaml\n").name == "plain"


def test_a_node_of_another_type_replaces_the_settings_too(loaded):
    Path("base.yaml").write_text(PLAIN)
    run = loaded(
        "extends: base.yaml\nmodel: {type: cnn}\noptimizer: {weight_decay: 0.5}\n", name="child.yaml"
    )
    assert run.model.type == "cnn"
    assert run.optimizer.settings()["lr"] == 1e-3
    assert run.optimizer.settings()["weight_decay"] == 0.5


def test_null_takes_away_what_was_there(loaded):
    Path("base.yaml").write_text(PLAIN + "seed: 7\nema: {decay: 0.9}\n")
    run = loaded("extends: base.yaml\nseed: null\nema: null\n", name="child.yaml")
    assert run.seed == 42  # no value of its own: as if never set
    assert run.ema is None


def test_null_alone_is_no_number(refused):
    assert [p.key for p in refused(PLAIN + "seed: null\n").problems] == ["seed"]


def test_circles_and_missing_bases_are_told(refused):
    Path("a.yaml").write_text("extends: run.yaml\n")
    assert "round in a circle" in str(refused("extends: a.yaml\n"))
    [problem] = refused("name: x\nextends: bse.yaml\n").problems
    assert "does not exist" in problem.rule
    assert problem.place.line == 2
    assert "a list of paths" in str(refused("extends: 3\n"))


def test_problems_of_a_base_stand_in_the_base(refused):
    Path("base.yaml").write_text(PLAIN.replace("max_epochs", "max_epcohs"))
    [problem] = refused("extends: base.yaml\n", name="child.yaml").problems
    assert str(problem.place) == "base.yaml:12:3"


# relative paths


def test_relative_paths_start_from_the_folder_of_the_file_that_has_them(
    loaded, monkeypatch: pytest.MonkeyPatch
):
    here = Path.cwd()
    Path("sub").mkdir()
    Path("sub/base.yaml").write_text(PLAIN.replace("type: toy, kind: blobs", "type: arrays, path: a.npz"))
    text = "extends: sub/base.yaml\ndata: {val: {type: arrays, path: b.npz}, split: null}\n"
    run = loaded(text, ["data.test={type: arrays, path: c.npz}"])
    paths = [
        run.data.train.settings()["path"],
        run.data.val.settings()["path"],
        run.data.test.settings()["path"],
    ]
    assert paths == [here / "sub" / "a.npz", here / "b.npz", here / "c.npz"]
    assert run.folder.root == Path("runs")
    monkeypatch.chdir("sub")
    assert load("../run.yaml", environ={}).data.train == run.data.train


# references


def test_references_keep_types_and_fill_texts(loaded):
    text = PLAIN.replace("name: plain", "name: b${data.batch_size}-${optimizer.lr}\nseed: ${data.batch_size}")
    run = loaded(text)
    assert run.name == "b32-0.001"
    assert run.seed == 32


def test_references_follow_references_and_take_whole_nodes(loaded):
    text = PLAIN.replace("  split:", "  val: ${data.train}\n  split:").replace(
        "name: plain", "name: ${folder.project}"
    )
    text += "folder: {project: 'p-${seed}'}\n"
    run = loaded(text)
    assert run.data.val == run.data.train
    assert run.name == "p-42"  # the default of `seed`


def test_dollars_are_escaped_by_doubling(loaded):
    assert loaded(PLAIN.replace("name: plain", "name: a$${b}")).name == "a${b}"


def test_references_that_lead_nowhere_or_in_circles_are_told(refused):
    [problem] = refused(PLAIN.replace("name: plain", "name: ${data.batchsize}")).problems
    assert problem.nearest == "${data.batch_size}"
    assert problem.place.line == 1
    assert "round in a circle" in str(refused(PLAIN.replace("name: plain", "name: ${name}")))
    assert "round in a circle" in str(refused(PLAIN.replace("32", "${seed}") + "seed: ${data.batch_size}\n"))
    assert "does not fit into a text" in str(refused(PLAIN.replace("name: plain", "name: a${data.train}")))


# overrides


def test_overrides_are_typed_like_yaml(loaded):
    run = loaded(
        overrides=[
            "optimizer.lr=1e-2",
            "model.hidden=[4, 4]",
            "trainer.compile=true",
            "name=no",
            "loss.label_smoothing=0.1",
        ]
    )
    assert run.optimizer.settings()["lr"] == 1e-2
    assert run.model.settings()["hidden"] == [4, 4]
    assert run.trainer.compile is True
    assert run.name == "no"
    assert run.loss["cross_entropy"].settings()["label_smoothing"] == 0.1


def test_overrides_reach_items_of_lists_and_make_what_is_missing(loaded):
    run = loaded(overrides=["metrics.0.top_k=2", "metrics.1=f1", "ema.decay=0.9", "task.num_classes=3"])
    assert run.metrics["accuracy"].settings()["top_k"] == 2
    assert list(run.metrics) == ["accuracy", "f1"]
    assert run.ema.decay == 0.9
    assert run.task.settings()["num_classes"] == 3


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("optimizer.lr", "is `key=value`"),
        ("=3", "is `key=value`"),
        ("metrics.top_k=2", "metrics.0"),
        ("metrics.7=f1", "metrics.0"),
        ("trainer.max_epochs.x=3", "has no `x`"),
        ("name={", "no YAML"),
        ("trainer.max_epcohs=3", "max_epochs"),
        ("optimizer.lr=fast", "must be a number"),
    ],
)
def test_overrides_that_cannot_be_are_told(refused, override: str, words: str):
    [problem] = refused(overrides=[override]).problems
    assert words in str(problem)
    assert str(problem.place) == "command line"


def test_origins_tell_where_each_value_comes_from(loaded):
    Path(".env").write_text("# mine\nexport LEYDEN__DATA__NUM_WORKERS=2 # two\nLEYDEN__SEED='5'\nOTHER=1\n")
    run = loaded(overrides=["optimizer.lr=1e-2"], environ={"LEYDEN__Seed": "6", "HOME": "/"})
    assert run.origins["optimizer.lr"] == "command line"
    assert run.origins["optimizer.type"] == "run.yaml:10"
    assert run.origins["seed"] == "LEYDEN__Seed"
    assert run.origins["data.num_workers"] == ".env"
    assert run.origins["data.batch_size"] == "run.yaml:5"
    assert run.origins["trainer.max_steps"] == "default"
    assert run.origins["loss.cross_entropy.type"] == "run.yaml:8"
    assert run.origins["loss.cross_entropy.label_smoothing"] == "default"
    assert run.origins["metrics.accuracy.type"] == "run.yaml:9"
    assert (run.seed, run.data.num_workers) == (6, 2)


def test_command_line_beats_environment_beats_dotenv(loaded):
    Path(".env").write_text("LEYDEN__SEED=1\n")
    environ = {"LEYDEN__SEED": "2"}
    assert loaded().seed == 1
    assert loaded(environ=environ).seed == 2
    assert loaded(overrides=["seed=3"], environ=environ).seed == 3


def test_environment_finds_keys_in_their_own_case(loaded):
    text = PLAIN.replace("loss: cross_entropy", "loss: {CE: cross_entropy}")
    assert loaded(text, environ={"LEYDEN__LOSS__CE__WEIGHT": "2.0"}).loss["CE"].weight == 2.0


def test_problems_of_the_environment_name_the_variable(refused):
    [problem] = refused(environ={"LEYDEN__OPTIMIZER__LRR": "3"}).problems
    assert str(problem.place) == "LEYDEN__OPTIMIZER__LRR"
    assert problem.nearest == "lr"


# imports


def test_imports_are_refused_unless_allowed(refused, loaded, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    Path("my_parts_for_imports.py").write_text(
        "from leyden.losses.loss import loss\n\n\n"
        "@loss('mine_for_imports')\ndef mine(*, x: int = 1) -> None:\n    pass\n"
    )
    text = PLAIN.replace("loss: cross_entropy", "loss: mine_for_imports\nimports: [my_parts_for_imports]")
    problems = refused(text).problems
    assert any("--allow-imports" in p.hint and p.key == "imports.0" for p in problems)
    try:
        assert loaded(text, allow_imports=True).loss["mine_for_imports"].settings() == {"x": 1}
    finally:
        from leyden.spec.parts import kind_named

        kind_named("loss").parts.pop("mine_for_imports", None)


def test_any_module_of_torch_is_a_model(loaded):
    from torch import nn

    text = PLAIN.replace("type: mlp, hidden: [8]", "type: torch.nn:Linear, in_features: 8, out_features: 3")
    run = loaded(text, allow_imports=True)
    assert run.model.part.runs_on == ("torch",)
    assert isinstance(build(run.model, "interface"), nn.Linear)
    assert run.tree()["model"]["bias"] is True


def test_a_lightning_module_is_a_model(loaded, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    Path("my_lightning_module.py").write_text(
        "import lightning\n\n\nclass Mine(lightning.LightningModule):\n"
        "    def __init__(self, width: int = 3):\n        super().__init__()\n        self.width = width\n"
    )
    text = "data: {train: {type: toy}}\ntrainer: {max_epochs: 1}\n"
    text += "model: {type: my_lightning_module:Mine, width: 5}\n"
    assert build(loaded(text, allow_imports=True).model).width == 5


def test_imports_that_fail_are_problems(refused):
    [problem] = refused(PLAIN + "imports: [no_such_module_anywhere]\n", allow_imports=True).problems
    assert "ModuleNotFoundError" in problem.rule
    assert problem.place.line == 14


def test_classes_are_named_by_path_where_imports_are_allowed(
    loaded, refused, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    Path("my_model_for_paths.py").write_text(
        "class Net:\n    def __init__(self, width: int, depth=2, *args, **kwargs): ...\n"
    )
    text = PLAIN.replace("type: mlp, hidden: [8]", "type: my_model_for_paths:Net, width: 3")
    run = loaded(text, allow_imports=True)
    assert run.model.settings() == {"width": 3, "depth": 2}
    assert run.model.part.foreign
    [problem] = refused(text).problems
    assert "--allow-imports" in problem.hint
    [problem] = refused(text.replace("width: 3", "widht: 3"), allow_imports=True).problems
    assert problem.nearest == "width"
    [problem] = refused(text.replace(":Net", ":Nett"), allow_imports=True).problems
    assert "AttributeError" in problem.rule
