"""Holds `your_data` against scikit-learn on tables, rows and features alike.

  python -m benchmarks.tables --folder=DIR
  python -m benchmarks.tables --seeds=2 -- --config.optimizer.ema_decay=None
  python -m benchmarks.tables --folder=DIR --targets=turnout=vote --trials=30

The tables are scikit-learn's own, some that its generators make, and the CSV
files of DIR, whose last columns are labels. All models see the same test rows
and the same encoded, standardised features; those of scikit-learn have its
defaults, and get the rows that Strata holds out for validation as training
rows. Its MLPRegressor gets standardised targets, without which it fails on
large ones. Scores are accuracy of classes and R² of values; each is the median
over the seeds. What stands after "--" is handed to the trainer. With --trials
Strata's score is that of `strata sweep --folds=5`, in its default space: of the
mean answer of the winner's five runs. --targets names tables and their labels'
columns, and leaves all others out.
"""

import argparse
import contextlib
import io
import json
import pathlib
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sklearn import datasets
from sklearn import ensemble
from sklearn import exceptions
from sklearn import neural_network
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

from trainer import flags as flags_lib
from trainer import sources
from trainer import task
from trainer.launch.sweep import __main__ as sweep
from trainer.problem import problems
from trainer.process.columns import lay_out
from trainer.process.exits import UserError
from trainer.sources import Dataset

SHIPPED = ("breast_cancer", "wine", "diabetes", "digits")
FOLDS = 5
MODELS = ("strata", "mlp", "boosting", "linear", "guess")


class Task(NamedTuple):
    """What is trained on.

    Attributes:
      name: of the table.
      flags: of the trainer that name it.
    """

    name: str
    flags: list[str]


def made() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Makes tables by scikit-learn's generators."""
    x, signs = datasets.make_hastie_10_2(1000, random_state=0)
    return {
        "moons": datasets.make_moons(400, noise=0.3, random_state=0),
        "hastie": (x, (signs > 0).astype(np.int64)),
        "three_classes": datasets.make_classification(
            1000, 20, n_informative=5, n_classes=3, random_state=0
        ),
        "rare": datasets.make_classification(
            2000, 10, weights=[0.9], flip_y=0.02, random_state=0
        ),
        "friedman1": datasets.make_friedman1(500, noise=1, random_state=0),
        "friedman2": datasets.make_friedman2(500, noise=50, random_state=0),
    }


def tasks(folder: pathlib.Path | None, aside: pathlib.Path) -> Iterator[Task]:
    """Yields what is trained on.

    Args:
      folder: of CSV files; None for none.
      aside: where tables that are made are written to.
    """
    for name in SHIPPED:
        yield Task(name, [f"--config.data.source={name}"])
    for name, (x, y) in made().items():
        path = aside / f"{name}.npz"
        np.savez(path, x_train=x, y_train=y)
        folder_of_one = aside / name
        folder_of_one.mkdir()
        path.rename(folder_of_one / path.name)
        yield Task(name, [f"--data_dir={folder_of_one}"])
    for path in sorted(folder.glob("*.csv")) if folder else ():
        yield Task(path.stem, [f"--data_dir={path}"])


def scores_of(
    flags: list[str], seed: int, aside: pathlib.Path, trials: int
) -> dict:
    """Trains all models on a table; returns {model: score} and "secs"."""
    if trials:
        flags = [*flags, f"--config.data.folds={FOLDS}"]
    argv = [
        "--config=your_data",
        *flags,
        f"--config.seed={seed}",
        f"--workdir={aside / str(time.time_ns())}",
        "--config.log.tensorboard=False",
        "--config.log.report=False",
    ]
    parsed, config = flags_lib.parse(argv)
    dataset = sources.load(config.data, seed=seed, data_dir=parsed.data_dir)
    _, dataset = problems.settle(config, dataset)
    began = time.monotonic()
    workdir = pathlib.Path(parsed.run_workdir)
    with contextlib.redirect_stdout(io.StringIO()):
        if trials:
            own = [f"--folds={FOLDS}", f"--trials={trials}"]
            code, told = sweep.main([*argv, *own]), f"test/*_of_{FOLDS}.json"
        else:
            code, told = task.main(argv), "result.json"
    if code:
        raise UserError(f"{flags} ended with code {code}")
    secs = time.monotonic() - began
    (path,) = workdir.glob(told)
    test = json.loads(path.read_text())["evaluation"]["test"]
    metric = "accuracy" if "accuracy" in test else "r2"
    return {
        "strata": test[metric],
        **_peers(dataset, has_classes=metric == "accuracy", seed=seed),
        "secs": secs,
        "metric": metric,
        "rows": dataset.splits["train"].examples,
    }


def _peers(dataset: Dataset, *, has_classes: bool, seed: int) -> dict:
    from sklearn import dummy
    from sklearn import linear_model

    fitted = [dataset.splits[name] for name in ("train", "validation")]
    x, y = map(np.concatenate, zip(*map(_rows, fitted), strict=True))
    test_x, test_y = _rows(dataset.splits["test"])
    scaler = StandardScaler().fit(x)
    x, test_x = scaler.transform(x), scaler.transform(test_x)
    if has_classes:
        models = {
            "mlp": neural_network.MLPClassifier(random_state=seed),
            "boosting": ensemble.HistGradientBoostingClassifier(
                random_state=seed
            ),
            "linear": linear_model.LogisticRegression(max_iter=1000),
            "guess": dummy.DummyClassifier(),
        }
    else:
        models = {
            "mlp": TransformedTargetRegressor(
                neural_network.MLPRegressor(random_state=seed),
                transformer=StandardScaler(),
            ),
            "boosting": ensemble.HistGradientBoostingRegressor(
                random_state=seed
            ),
            "linear": linear_model.Ridge(),
            "guess": dummy.DummyRegressor(),
        }
    with warnings.catch_warnings():
        # Their 200 epochs are their default, enough or not.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        return {
            name: float(model.fit(x, y).score(test_x, test_y))
            for name, model in models.items()
        }


def _rows(split: sources.Split) -> tuple[np.ndarray, np.ndarray]:
    x = split.x if split.rows is None else split.x[split.rows]
    y = split.labels()
    flat = np.asarray(x, np.float64).reshape(len(x), -1)
    return flat, y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def main(argv: list[str]) -> None:
    """Prints a line a table, and the medians over tables."""
    own, _, handed_on = " ".join(argv).partition(" -- ")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="tables, comma-separated")
    parser.add_argument("--targets", default="", help="TABLE=COLUMN,...")
    parser.add_argument("--trials", type=int, default=0, help="of a sweep")
    arguments = parser.parse_args(own.split())
    targets = dict(
        each.split("=") for each in filter(None, arguments.targets.split(","))
    )
    chosen = set(filter(None, arguments.only.split(","))) | targets.keys()
    head = ["table", "rows", "metric", *MODELS, "strata - mlp", "secs"]
    rows, gaps = [head], []
    with tempfile.TemporaryDirectory() as folder:
        aside = pathlib.Path(folder)
        for each in tasks(arguments.folder, aside):
            if chosen and each.name not in chosen:
                continue
            flags = [*each.flags, *handed_on.split()]
            if each.name in targets:
                flags.append(f"--config.data.target={targets[each.name]}")
            found = [
                scores_of(flags, seed, aside, arguments.trials)
                for seed in range(arguments.seeds)
            ]
            medians = {
                name: statistics.median(f[name] for f in found)
                for name in (*MODELS, "secs")
            }
            gap = statistics.median(f["strata"] - f["mlp"] for f in found)
            gaps.append(gap)
            rows.append(
                [
                    each.name,
                    str(found[0]["rows"]),
                    found[0]["metric"],
                    *(f"{medians[name]:.4f}" for name in MODELS),
                    f"{gap:+.4f}",
                    f"{medians['secs']:.1f}",
                ]
            )
            print("  ".join(rows[-1]), file=sys.stderr, flush=True)
    print(lay_out(rows))
    print(
        f"strata - mlp, median over {len(gaps)} tables:"
        f" {statistics.median(gaps):+.4f}; better on"
        f" {sum(g > 0 for g in gaps)}, alike on {sum(g == 0 for g in gaps)}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
