"""What is due after which steps: decided here, and nowhere else.

Devices are met only where a chunk of steps ends, so the plan of the chunks cuts
them at the steps of the same actions.
"""

import dataclasses

from trainer.config import Config
from trainer.input.epochs import Epochs
from trainer.train.state import State

# Epochs of fewer steps share a bar, as many as make a logging interval.
SHORT_EPOCH_STEPS = 10


@dataclasses.dataclass(frozen=True)
class Action:
    """Something that is done again and again.

    Attributes:
      every_steps: it is due at each multiple of each of these, 0 included.
      at_steps: and at these steps themselves.
      total_steps: and where the run ends, there or earlier; None for what
        belongs to the step that comes.
    """

    every_steps: tuple[int, ...] = ()
    at_steps: tuple[int, ...] = ()
    total_steps: int | None = None

    def is_due(self, state: State) -> bool:
        """Returns whether it is due where the run stands."""
        at_end = self.total_steps is not None and state.is_over(
            self.total_steps
        )
        at_its_own = state.step in self.at_steps
        by_interval = any(state.step % n == 0 for n in self.every_steps)
        return at_end or at_its_own or by_interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Due:
    """The actions of a run.

    Attributes:
      epoch_end: the scores stand beside the bar.
      train_line: the means and the speed since the last such line.
      bar: a bar of progress ends.
      norms: of the step that comes, by a preview.
      histograms: of the same preview.
      evaluation: scores; then selection and early stopping.
      checkpoint: saving; when it is due by the clock is its owner's.
      profile: the first and the last step that are traced.
    """

    epoch_end: Action
    train_line: Action
    bar: Action
    norms: Action
    histograms: Action
    evaluation: Action
    checkpoint: Action
    profile: Action

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(vars(self).values())

    @property
    def cuts(self) -> tuple[int, ...]:
        """Steps at each multiple of which a chunk must end."""
        return tuple({n for each in self.actions for n in each.every_steps})

    @property
    def ends(self) -> tuple[int, ...]:
        """Steps at which themselves a chunk must end; the run begins at 0."""
        return tuple(n for each in self.actions for n in each.at_steps if n)


def due_of(
    config: Config, epochs: Epochs, profile_steps: tuple[int, int] | None
) -> Due:
    """Reads the intervals of a config.

    Args:
      config: of the run.
      epochs: how its steps fall into epochs.
      profile_steps: (first, last) of the steps to trace, or None.
    """
    log, evaluation, saving = config.log, config.evaluation, config.checkpoint
    epoch, total = epochs.steps_per_epoch, epochs.total_steps
    bar = epoch
    if epoch < SHORT_EPOCH_STEPS:
        bar *= max(1, -(-log.every_steps // epoch))

    def every(*steps: int | None) -> Action:
        return Action(tuple(n for n in steps if n), total_steps=total)

    def preview(steps: int | None) -> Action:
        return Action((steps,) if steps and log.tensorboard else ())

    return Due(
        epoch_end=every(epoch),
        train_line=every(log.every_steps, epoch),
        bar=every(bar),
        norms=preview(log.norms_every_steps),
        histograms=preview(log.histograms_every_steps),
        evaluation=every(evaluation.every_steps or epoch),
        checkpoint=every(saving.every_steps, saving.keep_every_steps),
        profile=Action(at_steps=profile_steps or ()),
    )
