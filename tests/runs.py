"""Runs that tests read, and what they read in them."""

import json
import pathlib

import numpy as np

from trainer import sources
from trainer.storage.json_files import CHECKSUM
from trainer.storage.json_files import sealed

# A row of the problem table each, trained for a moment.
TRAINED = {
    "binary": ("breast_cancer", "--config.epochs=5"),
    "multiclass": ("digits", "--config.epochs=2"),
    "multilabel": ("digits_attributes", "--config.epochs=2"),
    "regression": ("diabetes", "--config.epochs=5"),
    "bounded_regression": ("digits_ink", "--config.epochs=2"),
    "count": ("digits_pixels", "--config.epochs=2"),
}
# Those of them whose outputs are values, not probabilities.
OF_VALUES = ("regression", "bounded_regression", "count")


def train(problem: str, workdir: pathlib.Path) -> None:
    """Trains the run of a row of TRAINED."""
    from trainer import task

    config, length = TRAINED[problem]
    flags = [f"--config={config}", length, f"--workdir={workdir}"]
    assert task.main(flags) == 0


def train_on_flowers(folder: pathlib.Path) -> None:
    """Writes flowers.csv, of numbers and texts, and trains on it in run/."""
    from trainer import task

    folder.mkdir()
    random = np.random.RandomState(0)
    kinds = random.randint(2, size=120)
    sizes = [
        f"{s:.2f}" if s > -1.5 else "NA" for s in random.randn(120) + kinds
    ]
    colours = random.choice(["red", "blue", '"red, pale"', ""], 120)
    lines = [
        f"{size},{colour},{('oak', 'yew')[kind]}"
        for size, colour, kind in zip(sizes, colours, kinds, strict=True)
    ]
    table = folder / "flowers.csv"
    table.write_text("\n".join(["size,colour,kind", *lines]) + "\n")
    flags = [f"--data_dir={table}", f"--workdir={folder / 'run'}"]
    length = "--config.steps=100"
    assert task.main(["--config=your_data", length, *flags]) == 0


def held_out_rows(run):
    """Returns the test rows of a run as they are stored."""
    held = sources.load(run.config.data, seed=run.config.seed, data_dir=None)
    split = held.splits["test"]
    return split.x[split.rows], split.labels()


def read_result(workdir):
    """Returns what result.json says."""
    return json.loads((workdir / "result.json").read_text())


def rewrite(path, change):
    """Changes values of a workdir's JSON file, as if so written."""
    values = json.loads(path.read_text()) | change
    values.pop(CHECKSUM, None)
    path.write_text(json.dumps(sealed(values)))
