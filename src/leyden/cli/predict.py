"""leyden predict: Write a trained model's predictions to a file, one row a sample.

The ending of the file says the format: .csv, .jsonl, .npz or .parquet. `row` is
the place of a sample in its source, `target` what was to be predicted.

Examples:
  leyden predict run.yaml --data test -o predictions.csv
  leyden predict RUN_FOLDER --data val -o val.parquet --checkpoint last
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.cli import output, terminal, trained

if TYPE_CHECKING:
    import numpy as np

    from leyden.backends.parts import Parts
    from leyden.cli.trained import Trained
    from leyden.data.dataset import Dataset


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    trained.arguments(parser)
    trained.repeat_argument(parser)
    parser.add_argument("--data", choices=("train", "val", "test"), default="test", help="which data [test]")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where to write")


def run(args: Namespace) -> int:
    """Predict, and write."""
    from leyden.cli.columns import writer_for

    write = writer_for(args.output)
    output.ready(args.output, "--output")
    subject = trained.trained(args)
    parts, dataset = predictable(subject, args.data)
    import numpy as np

    from leyden.backends.torch.inference import predict

    batches = list(predict(parts, subject.checkpoint, dataset, subject.shortage_report))
    rows = np.arange(len(dataset)) if dataset.rows is None else dataset.rows
    predicted = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    columns = {"row": rows, **targets(dataset), **predicted}
    with output.replacing(args.output) as file:
        write(file, columns, parts.info.classes)
    terminal.facts(
        {
            "file": str(args.output),
            "from": str(subject.checkpoint),
            "holds": f"{len(dataset)} samples; {', '.join(columns)}",
        }
    )
    return 0


def predictable(subject: Trained, name: str) -> tuple[Parts, Dataset]:
    """The run's parts and the data of that name.

    Raises:
        UserError: The run has no such data, or no task that says what its outputs mean.
    """
    from leyden.spec import UserError

    if subject.run.task is None:
        raise UserError("predictions are what a task makes of outputs, and the run has none; set `task`")
    parts = subject.parts()
    dataset = {"train": parts.train, "val": parts.val, "test": parts.test}[name]
    if dataset is None or not len(dataset):
        raise UserError(f"the run has no {name} data; set data.{name} or data.split")
    return parts, dataset


def targets(dataset: Dataset) -> dict[str, np.ndarray]:
    """The column `target`, where targets can be had without decoding every sample again."""
    import numpy as np

    labels = dataset.labels()
    if labels is not None:
        return {"target": labels}
    if not dataset.cheap or "target" not in dataset.info().fields:
        return {}
    pieces = np.array_split(np.arange(len(dataset)), -(-len(dataset) // 1024))
    return {"target": np.concatenate([dataset.batch(piece, seed=0, epoch=0)["target"] for piece in pieces])}
