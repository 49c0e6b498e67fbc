"""Lowers a config's training step to HLO text, for compilers of devices.

  python -m benchmarks.lowering OUT.hlo --config=mnist --data_dir=DIR

writes the loop of `trainer.steps` over a chunk, on one replica that takes the
whole batch, for benchmarks.tpu_check, in an environment of its own.
What GPUs run has more programs, for benchmarks.gpu_check.
"""

import dataclasses
import pathlib
import sys
import tempfile
from typing import Any

import tensorflow as tf

from benchmarks import hlo_text
from trainer import flags as flags_lib
from trainer import sources
from trainer.input import pipeline
from trainer.model import network as networks
from trainer.model import optimizers
from trainer.problem import problems
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.stopping import Stop
from trainer.steps import pieces
from trainer.steps import training
from trainer.steps.gradient import gradient_of
from trainer.steps.options import StepOptions
from trainer.train import plan as plan_lib
from trainer.train.job import Job
from trainer.workdir.folder import Workdir

# Chunks that are looked at for the lengths that there are.
_MOST_CHUNKS = 10_000


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


def options_of(job: Job) -> StepOptions:
    """Returns the step's options where XLA compiles all of it, as on GPUs."""
    return dataclasses.replace(plan_lib.step_options(job), compiled="step")


def chunk_text(job: Job) -> str:
    """Returns the HLO of a chunk of steps: forward, backward, update.

    Raises:
      UserError: an operation is none that XLA knows.
    """
    loop = training.training_loop(job.strategy, _network(job), options_of(job))
    return _text(loop, _first_chunk(job), tf.constant(Stop().flags))


def piece_texts(job: Job) -> dict[int, str]:
    """Returns the HLO of each length of piece that a GPU runs, by steps.

    Raises:
      UserError: an operation is none that XLA knows.
    """
    options = dataclasses.replace(options_of(job), in_pieces=True)
    loop: Any = training.training_loop(job.strategy, _network(job), options)
    chunk, flags = _first_chunk(job), tf.constant(Stop().flags)
    return {
        length: _text(loop.program, pieces.cut(chunk, 0, length), flags)
        for length in _lengths(plan_lib.training_plan(job))
    }


def _lengths(plan: pipeline.Plan) -> list[int]:
    """Returns the lengths of pieces in a run, the longest first."""
    step, found = 0, set()
    for _ in range(_MOST_CHUNKS):
        if step == plan.total_steps:
            break
        end = plan.chunk_end(step)
        found.update(pieces.lengths(end - step, plan.most_steps))
        step = end
    return sorted(found, reverse=True)


def replica_text(job: Job, replicas: int) -> str:
    """Returns the HLO of one of several replicas' part of a step.

    It is the gradient over the replica's rows, and its sum over all replicas,
    which TensorFlow itself has NCCL take.

    Raises:
      UserError: an operation is none that XLA knows.
    """
    chunk = _first_chunk(job, replicas)
    gradient = tf.function(
        gradient_of(_network(job), options_of(job)),
        jit_compile=True,
        autograph=False,
    )
    text = _text(
        gradient,
        *(chunk[name][0] for name in ("x", "y", "examples")),
        *(chunk[name] for name in ("first_row", "first_step")),
        chunk["weight"][0] if "weight" in chunk else None,
    )
    return hlo_text.summed_over(text, replicas)


def _network(job: Job) -> networks.Network:
    return networks.build(
        job.config,
        job.problem,
        job.dataset,
        job.strategy,
        job.epochs.total_steps,
    )


def _first_chunk(job: Job, replicas: int = 1) -> dict[str, tf.Tensor]:
    """Returns what the first of some replicas is handed first."""
    plan = dataclasses.replace(plan_lib.training_plan(job), replicas=replicas)
    chunks = pipeline.chunks(
        job.dataset.splits["train"],
        plan,
        first_step=0,
        context=tf.distribute.InputContext(),
    )
    return next(iter(chunks))


def _text(function: Any, *arguments: Any) -> str:
    try:
        compiler_ir = function.experimental_get_compiler_ir(*arguments)
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
        text = chunk_text(job_of(argv[1:], workdir))
    pathlib.Path(argv[0]).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
