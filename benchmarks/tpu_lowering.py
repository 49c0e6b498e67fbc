"""Lowers a config's training loop to HLO text, for the TPU compiler.

  python -m benchmarks.tpu_lowering OUT.hlo --config=mnist --data_dir=DIR

The loop is that of `trainer.steps`, on one replica that takes the whole batch.
What follows is benchmarks.tpu_check, in an environment of its own.
"""

import pathlib
import sys
import tempfile
from typing import Any

import tensorflow as tf

from trainer import flags as flags_lib
from trainer import sources
from trainer.input import pipeline
from trainer.model import network as networks
from trainer.model import optimizers
from trainer.problem import problems
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.stopping import Stop
from trainer.steps import training
from trainer.train import plan as plan_lib
from trainer.train.job import Job
from trainer.workdir.folder import Workdir


def job_of(argv: list[str], workdir: str) -> Job:
    """Builds the job that the trainer's flags ask for, on one replica."""
    flags, config = flags_lib.parse(argv)
    dataset = sources.load(
        config.data, seed=config.seed, data_dir=flags.data_dir
    )
    problem, dataset = problems.settle(config, dataset)
    optimizers.set_precision(config.precision)
    return Job(
        config=config,
        problem=problem,
        dataset=dataset,
        fingerprint="",
        workdir=Workdir(workdir),
        strategy=tf.distribute.get_strategy(),
    )


def lower(job: Job) -> str:
    """Returns the HLO of a chunk of steps: forward, backward, update.

    Raises:
      UserError: an operation is none that XLA knows.
    """
    network = networks.build(
        job.config,
        job.problem,
        job.dataset,
        job.strategy,
        job.epochs.total_steps,
    )
    chunks = pipeline.distribute(
        job.strategy,
        job.dataset.splits["train"],
        plan_lib.training_plan(job),
        first_step=0,
    )
    # A tf.function, which tells more than what its annotation says.
    loop: Any = training.training_loop(
        job.strategy, network, plan_lib.step_options(job), job.place
    )
    flags = tf.constant(Stop().flags)
    try:
        compiler_ir = loop.experimental_get_compiler_ir(next(chunks), flags)
        return compiler_ir(stage="hlo")
    except tf.errors.OpError as error:
        raise UserError(f"XLA cannot lower the step: {error.message}") from None


@verb
def main(argv: list[str]) -> int:
    """Writes the HLO of a config.

    Raises:
      UserError: the config, or its data, is wrong.
    """
    with tempfile.TemporaryDirectory() as workdir:
        text = lower(job_of(argv[1:], workdir))
    pathlib.Path(argv[0]).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
