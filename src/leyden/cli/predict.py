"""leyden predict: Write a trained model's predictions to a file, one row a sample.

The ending of the file says the format: .csv, .jsonl, .npz or .parquet. `row` is
the place of a sample in its source, `target` its class where it has one.

Examples:
  leyden predict run.yaml --data test -o predictions.csv
  leyden predict RUN_FOLDER --data val -o val.parquet --checkpoint last
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli import trained


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    trained.arguments(parser)
    parser.add_argument("--data", choices=("train", "val", "test"), default="test", help="which data [test]")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where to write")


def run(args: Namespace) -> int:
    """Predict, and write."""
    from leyden.cli.columns import writer_for
    from leyden.spec import UserError

    write = writer_for(args.output)
    subject = trained.trained(args)
    if subject.run.task is None:
        raise UserError("predictions are what a task makes of outputs, and the run has none; set `task`")
    parts = subject.parts()
    dataset = {"train": parts.train, "val": parts.val, "test": parts.test}[args.data]
    if dataset is None:
        raise UserError(f"the run has no {args.data} data; set data.{args.data} or data.split")
    import numpy as np

    from leyden.backends.torch.inference import predict

    batches = list(predict(parts, subject.checkpoint, dataset))
    columns = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    rows = np.arange(len(dataset)) if dataset.rows is None else dataset.rows
    labels = dataset.labels()
    columns = {"row": rows, **({} if labels is None else {"target": labels}), **columns}
    write(args.output, columns, parts.info.classes)
    print(f"{args.output}: {len(dataset)} samples; {', '.join(columns)}")
    print(f"by {subject.checkpoint}")
    return 0
