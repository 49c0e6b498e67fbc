"""`strata evaluate`: how good a run's network is, in full."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from trainer.cluster import choice
from trainer.cluster import collective_errors
from trainer.cluster import discovery
from trainer.cluster.place import Cluster
from trainer.devices import start
from trainer.finished import trained_run
from trainer.finished.trained_run import TrainedRun
from trainer.problem import scores
from trainer.process.arguments import Parser
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.watchdog import FIRST_SECS
from trainer.process.watchdog import Watchdog
from trainer.serving import evaluation_text
from trainer.serving import output
from trainer.serving import scored_data
from trainer.serving.scored_data import ScoredData
from trainer.storage.files import to_json
from trainer.storage.files import write_atomically
from trainer.storage.names import local_place

if TYPE_CHECKING:
    import tensorflow as tf

DESCRIPTION = """\
Scores a run's weights on a split of its data, or of other data of the same
shape, each row once: loss and metrics as training tells them, 95 % intervals,
a table of classes, their confusions, and calibration.

  strata evaluate --workdir=runs/digits
  strata evaluate --workdir=runs/digits --split=validation --format=json"""


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser("strata evaluate", DESCRIPTION)
    trained_run.add_flags(parser)
    parser.add_argument(
        "--split",
        choices=scored_data.SPLITS,
        default="test",
        help="which rows; all is those of every split (default: test)",
    )
    add_data_flag(parser)
    parser.add_argument(
        "--format",
        choices=("table", "json"),
        default="table",
        help="of what is printed (default: table)",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=local_place,
        help="write the JSON to this file, too",
    )
    parser.add_argument(
        "--strategy",
        choices=("auto", "default", "one_device", "mirrored", "multiworker"),
        default="auto",
        help="as in training (default: auto)",
    )
    parser.add_argument(
        "--devices", metavar="N", type=int, help="use N of the devices here"
    )
    parser.add_argument(
        "--cpu_devices", metavar="N", type=int, help="make N logical CPUs"
    )
    return parser.parse_args(argv)


def add_data_flag(parser: argparse.ArgumentParser) -> None:
    """Adds --data_dir."""
    parser.add_argument(
        "--data_dir",
        metavar="DIR",
        help="folder of the data; by default the one the run was trained on",
    )


@verb
def main(argv: list[str]) -> int:
    """Scores a split, prints a table or JSON.

    Returns:
      0, or 75 where a peer failed.

    Raises:
      UserError: before anything is written.
    """
    arguments = _parse(argv)
    for name in ("devices", "cpu_devices"):
        count = getattr(arguments, name)
        if count is not None and count < 1:
            raise UserError(f"--{name}={count} must be 1 or more")
    output.check_output(arguments.output, [])
    with contextlib.redirect_stdout(sys.stderr):
        place = discovery.enter("auto", os.environ)
    strategy_name = choice.fit_strategy(
        arguments.strategy, place, arguments.devices, tpu=None
    )
    run = trained_run.read(arguments.workdir, arguments.checkpoint)
    data = scored_data.load(run, arguments.data_dir, split=arguments.split)
    data.split(arguments.split)
    if arguments.split == "validation" and data.is_own:
        _check_held_out(run)
    try:
        found = _score(arguments, strategy_name, run, data, place)
    except _op_errors() as error:
        data.dataset.check_read()
        if place.workers == 1:
            raise
        told = collective_errors.explain(str(error), place)
        tell(f"a peer or the cluster failed: {told}")
        return CLUSTER_FAILED
    if not place.is_chief:
        return 0
    if arguments.output is not None:
        write_atomically(Path(arguments.output), to_json(found))
    if arguments.format == "json":
        sys.stdout.write(to_json(found).decode())
    else:
        print(evaluation_text.of_evaluation(found))
    return 0


def _check_held_out(run: TrainedRun) -> None:
    """Checks that no run of an ensemble was trained on its validation rows.

    Raises:
      UserError: they held other rows out, as those of other folds do.
    """
    if len({member.data["fingerprint"] for member in run.members}) > 1:
        raise UserError(
            f"--split=validation: the runs of {run.workdir.path} held other"
            " rows out each, and trained on each other's; leave it out for the"
            " test rows, or name one of the runs"
        )


def _op_errors() -> type[Exception] | tuple[()]:
    """TensorFlow's errors, where it was imported before one was raised."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow.errors.OpError if tensorflow else ()


def _score(
    arguments: argparse.Namespace,
    strategy_name: str,
    run: TrainedRun,
    data: ScoredData,
    place: Cluster,
) -> dict[str, Any]:
    """Makes the strategy and scores; notes on the way go to stderr."""
    with (
        contextlib.redirect_stdout(sys.stderr),
        Watchdog(least_secs=FIRST_SECS) as watchdog,
    ):
        with start.eased():
            import tensorflow as tf

            from trainer.devices import strategies

            tf.config.list_physical_devices()
        strategies.prepare_devices(arguments.cpu_devices, None, place)
        strategy = strategies.build(strategy_name, devices=arguments.devices)
        if strategy.num_replicas_in_sync > 1:
            strategies.describe(strategy, place)
        return evaluate(run, data, arguments.split, strategy, watchdog.touch)


def evaluate(
    run: TrainedRun,
    data: ScoredData,
    split: str,
    strategy: "tf.distribute.Strategy",
    on_chunk: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Scores a split and says what was scored.

    Args:
      run: the run.
      data: the data.
      split: one of `scored_data.SPLITS`.
      strategy: that the batches are spread by.
      on_chunk: called after each chunk of batches.

    Returns:
      JSON values: what `strata evaluate --format=json` prints.
    """
    from trainer.serving import scoring

    found = scoring.score(
        run,
        data.split(split),
        data.problem.target_center,
        data.dataset if data.is_own else None,
        strategy,
        on_chunk,
    )
    return {
        "workdir": str(run.workdir.path),
        "step": run.step,
        "weights_sha256": found.weights_sha256,
        "problem": run.problem.type,
        "data": {
            "name": data.dataset.name,
            "fingerprint": data.fingerprint,
            "is_the_runs_own": data.is_own,
            "notes": list(data.dataset.notes),
        },
        "split": split,
        "note": run.note,
        "evaluation": {split: found.values},
        "interval_level": scores.LEVEL,
        **found.detail,
    }
