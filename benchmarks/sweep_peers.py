"""A sweep against Keras Tuner and a plain Optuna script, in as much time.

All three search sweeps/mnist.py's space: width, depth, rate, dropout, batch, on
the same rows of MNIST, for the same epochs by Adam, until a budget of wall time
is spent: the peers from their imports on, Strata with those of TensorFlow. What
they end with is the best accuracy on the same validation rows.

  python -m benchmarks.sweep_peers --data_dir=DIR --peers=.venv-bench
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks.peers import data
from trainer.launch.sweep.search import FILE
from trainer.launch.sweep.search import STUDY as STRATA
from trainer.process.columns import lay_out

ROWS = pathlib.Path("data", "rows.npz")
STUDY = pathlib.Path(__file__).parents[1] / "sweeps" / "mnist.py"
PEERS = {
    "Optuna over Keras": "benchmarks.peers.optuna_search",
    "Keras Tuner": "benchmarks.peers.keras_tuner_search",
}
# As the peers train, who draw nothing; the rest is the config's.
PLAIN = (
    "--config=mnist_fast",
    "--config.steps=none",
    "--config.label_smoothing=0",
    "--config.model.activation=relu",
    "--config.log.report=false",
    "--config.log.tensorboard=false",
    "--config.data.source=files",
    "--config.optimizer.learning_rate=1e-3",
    "--config.optimizer.beta_1=0.9",
    "--config.optimizer.beta_2=0.999",
    "--config.optimizer.schedule.name=constant",
    "--config.optimizer.schedule.warmup_fraction=0",
)


def write_rows(data_dir: pathlib.Path, folder: pathlib.Path, rows: int) -> None:
    """Writes MNIST's first rows as a file, a fifth more for validation."""
    images, labels, *_ = data.load(data_dir)
    (folder / ROWS).parent.mkdir()
    end = rows + rows // 5
    np.savez(
        folder / ROWS,
        x_train=images[:rows],
        y_train=labels[:rows],
        x_validation=images[rows:end],
        y_validation=labels[rows:end],
        # No search looks at them.
        x_test=images[end : end + 1000],
        y_test=labels[end : end + 1000],
    )


def strata(folder: pathlib.Path, asked: argparse.Namespace) -> dict:
    """Sweeps; returns what a peer tells."""
    workdir = folder / "sweep"
    words = [
        *PLAIN,
        f"--config.epochs={asked.epochs}",
        f"--data_dir={(folder / ROWS).parent}",
        f"--study={STUDY}",
        f"--workdir={workdir}",
        f"--max_secs={asked.budget_secs}",
        "--trials=100000",
        *asked.words,
    ]
    subprocess.run(
        [sys.executable, "-m", "trainer", "sweep", *words],
        stdout=subprocess.DEVNULL,
        check=False,  # 43, as its time is up
    )
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    storage = JournalStorage(JournalFileBackend(os.fspath(workdir / FILE)))
    trials = storage.get_all_trials(storage.get_study_id_from_name(STRATA))
    states = [trial.state for trial in trials]
    done = [
        trial.value or 0.0
        for trial in trials
        if trial.state == TrialState.COMPLETE
    ]
    return {
        "done": len(done),
        "pruned": states.count(TrialState.PRUNED),
        "best": max(done),
    }


def peer(module: str, folder: pathlib.Path, asked: argparse.Namespace) -> dict:
    """Runs a peer's search; returns what it tells."""
    ran = subprocess.run(
        [
            asked.peers / "bin" / "python",
            "-m",
            module,
            folder / ROWS,
            str(asked.epochs),
            str(asked.budget_secs),
            str(asked.seed),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict = json.loads(ran.stdout.splitlines()[-1])
    return found


def main(argv: list[str]) -> None:
    """Prints a line a search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", type=pathlib.Path, required=True)
    parser.add_argument("--peers", type=pathlib.Path, required=True)
    parser.add_argument("--budget_secs", type=int, default=600)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    asked, words = parser.parse_known_args(argv)
    asked.words = words
    table = [["", "done", "pruned", "best accuracy", "secs"]]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_rows(asked.data_dir, folder, asked.rows)
        for who in ("strata sweep", *PEERS):
            began = time.monotonic()
            if who in PEERS:
                found = peer(PEERS[who], folder, asked)
            else:
                found = strata(folder, asked)
            table.append(
                [
                    who,
                    str(found["done"]),
                    str(found["pruned"]),
                    f"{found['best']:.4f}",
                    f"{time.monotonic() - began:.0f}",
                ]
            )
    print(lay_out(table))


if __name__ == "__main__":
    main(sys.argv[1:])
