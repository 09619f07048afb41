"""Kills the same training at the same moments, on plain Lightning with its ModelCheckpoint and on Leyden.

.venv/bin/python benchmarks/resume.py

A perceptron with dropout, noise on its inputs, AdamW with a cosine, shuffled samples, a checkpoint every 4
steps. SIGKILL comes in a random forward pass, real processes, up to two kills a trial; then the run is
started again until it is through. Compared with the run that was never killed: final weights bit by bit, and
the table of logged numbers byte for byte.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from _leyden_run import Arrays, parts_of
from interleave import Goal, finish, table
from leyden.backends.torch.fit import fit
from leyden.data.dataset import Dataset as LeydenDataset
from leyden.data.transforms.noise import Noise
from leyden.runs.folder import RunFolder
from leyden.schedules.cosine import Cosine
from leyden.spec.durations import Duration
from leyden.spec.sections import Checkpoint

SAMPLES, BATCH, EPOCHS, EVERY = 101, 16, 4, 4  # 7 steps an epoch, the last with 5 samples
STEPS = EPOCHS * -(-SAMPLES // BATCH)
TRIALS = int(os.environ.get("TRIALS", "40"))


class Net(nn.Module):
    """A perceptron with dropout that is killed in one of its forward passes.

    Args:
        last: Forward passes of this process before SIGKILL; none for -1.
    """

    def __init__(self, last: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 10))
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        if self.last == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.last -= 1
        return self.layers(x)


def samples() -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(SAMPLES, 8)).astype(np.float32), rng.integers(0, 10, SAMPLES)


class Noisy(Dataset[tuple[Tensor, Tensor]]):
    """The samples with noise, as people write it."""

    def __init__(self) -> None:
        inputs, targets = samples()
        self.inputs, self.targets = torch.from_numpy(inputs), torch.from_numpy(targets)

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index] + 0.1 * torch.randn(8), self.targets[index]


class Plain(pl.LightningModule):
    """The training as people write it for Lightning."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.net = Net(last)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = cross_entropy(self.net(batch[0]), batch[1])
        self.log("loss", loss)
        return loss


def lightning(folder: Path, last: int) -> None:
    """Plain Lightning, told to go on from its last checkpoint."""
    pl.seed_everything(7, verbose=False)
    saves = ModelCheckpoint(dirpath=folder / "ckpt", every_n_train_steps=EVERY, save_last=True)
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        devices=1,
        logger=CSVLogger(folder, name="", version="log"),
        callbacks=[saves],
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    newest = folder / "ckpt" / "last.ckpt"
    module = Plain(last)
    trainer.fit(
        module, DataLoader(Noisy(), BATCH, shuffle=True), ckpt_path=str(newest) if newest.exists() else None
    )
    torch.save(module.net.state_dict(), folder / "weights.pt")
    (folder / "table.csv").write_bytes((folder / "log" / "metrics.csv").read_bytes())


def leyden(folder: Path, last: int) -> None:
    """The same on Leyden."""
    kept: list[nn.Module] = []

    def model() -> nn.Module:
        kept.append(Net(last))
        return kept[0]

    parts = parts_of(*samples(), model, BATCH, EPOCHS, 1, [])
    settings: Any = parts.run
    settings.checkpoint = Checkpoint(every=Duration(EVERY, "steps"))
    noisy = LeydenDataset(Arrays(*samples()), transforms=[Noise(std=0.1)])
    parts = replace(parts, train=noisy, schedules={"lr": Cosine()})
    fit(lambda: parts, RunFolder(folder))
    torch.save(kept[0].state_dict(), folder / "weights.pt")
    (folder / "table.csv").write_bytes((folder / "logs" / "repeat_0" / "metrics.csv").read_bytes())


def in_process(work: Callable[[], None]) -> int:
    """Exit code of ``work`` in a forked process; -9 if it was killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            if "DEBUG" not in os.environ:
                os.dup2(quiet, 2)
            work()
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@dataclass
class Count:
    """How a rival did."""

    trials: int = 0
    kills: int = 0
    failed: int = 0  # did not come to its end
    weights: int = 0  # equal bit by bit
    tables: int = 0  # equal byte for byte
    furthest: float = 0.0  # largest difference of a weight


def compare(train: Callable[[Path, int], None], folder: Path) -> Count:
    """Kill one rival's run again and again."""
    whole, count = folder / "whole", Count()
    whole.mkdir(parents=True)
    assert in_process(lambda: train(whole, -1)) == 0, "a run that nobody kills has to end; see DEBUG=1"
    for trial in range(TRIALS):
        rng, here = random.Random(trial), folder / str(trial)
        here.mkdir()
        for _ in range(rng.choice((1, 2))):
            last = rng.randrange(STEPS)
            code = in_process(lambda here=here, last=last: train(here, last))
            count.kills += code == -signal.SIGKILL
            if code == 0:
                break
        else:
            code = in_process(lambda here=here: train(here, -1))
        count.trials += 1
        if code:
            count.failed += 1
            continue
        mine, theirs = (torch.load(each / "weights.pt", weights_only=True) for each in (here, whole))
        far = max(float((mine[name] - theirs[name]).abs().max()) for name in theirs)
        count.furthest = max(count.furthest, far)
        count.weights += far == 0
        count.tables += (here / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()
    return count


def main() -> None:
    """Kill and print."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder:
        found = {
            "Lightning, ModelCheckpoint": compare(lightning, Path(folder) / "lightning"),
            "Leyden": compare(leyden, Path(folder) / "leyden"),
        }
    columns = (
        "",
        "trials",
        "kills",
        "did not end",
        "weights equal",
        "table equal",
        "largest difference of a weight",
    )
    rows = [
        (name, str(c.trials), str(c.kills), str(c.failed), str(c.weights), str(c.tables), c.furthest)
        for name, c in found.items()
    ]
    print(table(columns, rows) + "\n")
    ours = found["Leyden"]
    finish(
        "resume",
        [
            Goal(
                what="killed runs whose weights are those of the run never killed",
                value=ours.weights / ours.trials,
                at_least=1,
            ),
            Goal(
                what="killed runs whose logged table is that of the run never killed",
                value=ours.tables / ours.trials,
                at_least=1,
            ),
        ],
    )


if __name__ == "__main__":
    main()
