"""What a check finds that needs the data, said with the line of the run file."""

from __future__ import annotations

import subprocess
import sys

import pytest

import leyden


def problems(run_file, *words: str) -> list[tuple[str, int, str]]:
    report = leyden.check(leyden.load(run_file, words), deep="--deep" in words)
    return [(p.key, p.place.line, p.rule) for p in report.problems]


def edited(run_file, old: str, new: str):
    text = run_file.read_text()
    assert old in text
    run_file.write_text(text.replace(old, new))
    return run_file


def test_a_good_run_has_no_problems_and_tells_its_steps(run_file):
    report = leyden.check(leyden.load(run_file))
    assert not report.problems and not report.warnings
    assert "71 samples" in report.facts["steps"] and "15 steps" in report.facts["steps"]


def test_the_check_imports_no_torch(run_file):
    code = f"import leyden, sys; leyden.check(leyden.load({str(run_file)!r})); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_too_few_classes_are_told_with_the_line_of_the_task(run_file):
    edited(run_file, "task: classification", "task: {type: classification, num_classes: 2}")
    ((key, line, rule),) = problems(run_file)
    assert (key, line) == ("task", 8) and "num_classes" in rule and "3" in rule


def test_a_metric_that_cannot_compare_the_targets_is_told(run_file):
    edited(run_file, "[accuracy, f1]", "[accuracy, mae]")
    ((key, line, rule),) = problems(run_file)
    assert (key, line) == ("metrics.mae", 10) and "numbers" in rule


def test_a_warm_up_as_long_as_the_run_is_told_with_its_line(run_file):
    edited(run_file, "warmup: 1 epoch", "warmup: 40 steps")
    ((key, line, rule),) = problems(run_file)
    assert key.startswith("schedules.lr") and line == 12 and "15" in rule


def test_a_missing_file_is_told_before_training(run_file):
    edited(run_file, "{type: toy, samples: 101, noise: 1.5}", "{type: arrays, path: digits.npz}")
    ((key, line, rule),) = problems(run_file)
    assert key.startswith("data.train") and line == 4 and "digits.npz" in rule


def test_a_monitor_without_validation_data_is_told(run_file):
    edited(run_file, "  split: {type: random, val: 20, test: 10}\n", "")
    with pytest.raises(leyden.spec.RunFileError, match="val/loss"):
        leyden.check(leyden.load(run_file)).require("run.yaml")


def test_classes_that_are_balanced_twice_are_warned_of(run_file):
    edited(run_file, "  batch_size: 16", "  batch_size: 16\n  sampler: balanced")
    edited(run_file, "label_smoothing: 0.1", "class_weight: balanced")
    (warning,) = leyden.check(leyden.load(run_file)).warnings
    assert "balanced twice" in warning


def test_a_deep_check_tells_parameters_and_memory(run_file):
    facts = leyden.check(leyden.load(run_file), deep=True).facts
    assert facts["model"] == f"{8 * 12 + 12 + 12 * 3 + 3:,} parameters"
    assert "MiB" in facts["memory"] and "[3] a sample" in facts["outputs"]


def test_a_deep_check_names_the_section_that_does_not_fit(run_file):
    edited(run_file, "label_smoothing: 0.1", "class_weight: [1.0, 2.0]")
    report = leyden.check(leyden.load(run_file), deep=True)
    ((key, line),) = {(p.key, p.place.line) for p in report.problems}
    assert (key, line) == ("loss", 9)


def test_what_the_backend_cannot_honour_is_told_with_its_line(run_file):
    edited(run_file, "trainer: {max_epochs: 3,", "trainer: {strategy: fsdp, max_epochs: 3,")
    ((key, line, rule),) = problems(run_file)
    assert (key, line) == ("trainer.strategy", 13) and "ddp" in rule


@pytest.mark.parametrize(
    ("root", "said"), [("file/below", "is a file"), ("/proc/nothing", "/proc takes no files")]
)
def test_a_run_folder_that_cannot_be_made_is_a_problem_of_its_key(run_file, root: str, said: str) -> None:
    run_file.with_name("file").touch()
    [(key, _, rule)] = problems(run_file, f"folder.root={root}")
    assert key == "folder.root" and said in rule


def test_the_check_leaves_nothing_where_the_run_will_be(run_file) -> None:
    assert problems(run_file, "folder.root=below") == []
    assert [path.name for path in run_file.parent.iterdir()] == ["run.yaml"]
