"""A validated run: its tree, its names, its digest."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from leyden.spec import Run
from tests.spec.conftest import PLAIN


def test_tree_has_every_default_and_validates_again_to_an_equal_run(loaded):
    run = loaded()
    tree = run.tree()
    assert Run.model_validate(tree) == run
    assert tree["data"]["sampler"] == {"type": "shuffle"}
    assert tree["trainer"]["log_every_n_steps"] == 50
    assert tree["checkpoint"]["every"] == "1 epoch"
    assert tree["loss"]["cross_entropy"]["weight"] == 1.0
    assert tree["trackers"] == []


def test_resolved_tree_is_a_run_file(loaded):
    from ruamel.yaml import YAML

    run = loaded()
    with Path("resolved.yaml").open("w") as file:
        YAML(typ="safe").dump(run.tree(), file)
    assert loaded(Path("resolved.yaml").read_text(), name="again.yaml") == run


def test_runs_survive_pickling_with_their_origins(loaded):
    run = loaded()
    again = pickle.loads(pickle.dumps(run))
    assert again == run
    assert again.origins == run.origins
    assert again.path == run.path == Path("run.yaml")


def test_a_single_loss_and_listed_metrics_are_named_by_their_types(loaded):
    run = loaded()
    assert list(run.loss) == ["cross_entropy"]
    assert list(run.metrics) == ["accuracy"]
    named = PLAIN.replace("[accuracy]", "{hits: accuracy}").replace("val/accuracy", "val/hits")
    assert list(loaded(named).metrics) == ["hits"]


def test_terms_have_weights_and_the_losses_never_see_them(loaded):
    text = PLAIN.replace(
        "loss: cross_entropy", "loss: {a: cross_entropy, b: {type: focal, weight: {type: linear}}}"
    )
    run = loaded(text)
    assert run.loss["a"].weight == 1.0
    assert run.loss["b"].weight.type == "linear"
    assert "weight" not in run.loss["b"].settings()


def test_datasets_have_transforms_and_limits_and_sources_never_see_them(loaded):
    text = PLAIN.replace("kind: blobs", "kind: blobs, limit: 10 %, transforms: [{type: noise, std: 0.1}]")
    train = loaded(text).data.train
    assert train.limit == "10 %"
    assert [t.type for t in train.transforms] == ["noise"]
    assert not {"limit", "transforms"} & set(train.settings())


def test_optimizers_have_groups_and_never_see_them(loaded):
    text = PLAIN.replace("lr: 1e-3", "lr: 1e-3, no_decay: true, groups: [{match: 'head.*', lr: 0.1}]")
    optimizer = loaded(text).optimizer
    assert optimizer.no_decay
    assert optimizer.groups[0].match == "head.*"
    assert not {"groups", "no_decay"} & set(optimizer.settings())


def test_two_metrics_of_one_type_need_names(refused):
    [problem] = refused(PLAIN.replace("[accuracy]", "[accuracy, {type: accuracy, top_k: 2}]")).problems
    assert "need names" in problem.rule
    assert problem.key == "metrics.1"


def test_digest_ignores_where_results_go(loaded):
    digest = loaded().digest()
    assert len(digest) == 8
    assert (
        loaded(
            overrides=["folder.root=elsewhere", "trackers=[]", "trainer.enable_progress_bar=false"]
        ).digest()
        == digest
    )
    assert loaded(overrides=["optimizer.lr=2e-3"]).digest() != digest


def test_experiment_is_the_name_and_group_the_digest_unless_set(loaded):
    run = loaded()
    assert (run.experiment, run.group) == ("plain", run.digest())
    run = loaded(overrides=["folder.experiment=e", "folder.group=g"])
    assert (run.experiment, run.group) == ("e", "g")


def test_runs_are_frozen(loaded):
    with pytest.raises(ValidationError):
        loaded().seed = 1
    with pytest.raises(ValidationError):
        loaded().trainer.max_epochs = 1


def test_every_key_is_described():
    def undescribed(model, path=""):
        for name, field in model.model_fields.items():
            if not field.description:
                yield path + name
            if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
                yield from undescribed(field.annotation, f"{path}{name}.")

    assert list(undescribed(Run)) == []
