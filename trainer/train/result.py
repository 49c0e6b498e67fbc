"""What result.json says of a run."""

import dataclasses
from typing import Any

from trainer.model.network import Network
from trainer.process.clock import Clock
from trainer.train.job import Job
from trainer.train.state import State
from trainer.workdir.attempt import Attempt


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How this process's training ended.

    Attributes:
      status: "done", "stopped" or "diverged".
      code: by which the process will leave.
      evaluation: {split: {"examples", metric: value …}}; {} if not done.
      beside: what `baselines.compare` finds, by the split; {} if not done.
      decision: what was fitted on validation rows.
      train_secs: that it trained, scoring and saving aside.
      examples: rows that it trained on.
      steps: that it took.
    """

    status: str
    code: int
    evaluation: dict[str, dict[str, float]]
    beside: dict[str, dict[str, Any]]
    decision: dict[str, float]
    train_secs: float
    examples: int
    steps: int


def values(
    job: Job,
    network: Network,
    attempt: Attempt,
    outcome: Outcome,
    state: State,
    clock: Clock,
) -> dict[str, Any]:
    """Returns what result.json holds.

    Args:
      job: what was worked on.
      network: with the weights that were scored last.
      attempt: which start of the run this is.
      outcome: how it ended.
      state: where the run stands.
      clock: of this process.
    """
    goodput = clock.goodput()
    return {
        "status": outcome.status,
        "parameters": network.model.count_params(),
        "step": state.step,
        "epoch": job.epochs.epoch_of(state.step),
        "steps_per_epoch": job.epochs.steps_per_epoch,
        "global_batch_size": job.config.global_batch_size,
        **job.topology,
        "best_step": state.best_step,
        "weights_sha256": network.sha256(),
        "evaluation": outcome.evaluation,
        "baselines": outcome.beside,
        "decision": outcome.decision,
        "timing": {
            "setup_secs": clock.setup_secs,
            "train_secs": outcome.train_secs,
            "epoch_secs": clock.epoch_secs,
            "evaluate_secs": clock.of("evaluate"),
            "checkpoint_secs": clock.of("checkpoint"),
            "process_secs": job.age_secs(),
        },
        "examples_per_sec": outcome.examples / max(outcome.train_secs, 1e-9),
        "restarts": attempt.attempt - 1,
        # Of all starts and what lay between; no clock that can be set says it.
        "wall_secs": sum(goodput.values()),
        "goodput": goodput,
    }
