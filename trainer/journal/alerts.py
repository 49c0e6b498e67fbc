"""Names what goes wrong in a run, once each, with the step and the remedy.

Pure: numbers in, lines out.
"""

import dataclasses
import statistics

# The loss of an interval counts as diverging at so many times the least so
# far, where it is above the first one, too.
LOSS_RATIO = 2.0
# A run learns nothing where, over so many epochs and steps, no interval's loss
# was below that of guessing by more than this share of it. A small table's
# epochs are a step or two.
LEAST_EPOCHS = 3
LEAST_STEPS = 100
LEAST_GAIN = 0.01
# A gradient counts as exploding at so many times the median before it.
GRADIENT_RATIO = 100.0
LEAST_GRADIENTS = 3
# A single wait for input counts as a stall from so many seconds on.
STALL_SECS = 10.0
# The input holds training up from this share of the time on.
INPUT_SHARE = 0.3
# A replica is too small where it spends less than the first share of a step on
# its own work; with the batch size that is named it would spend the second.
LEAST_SHARE = 0.5
WANTED_SHARE = 0.8
# Shares are looked at over so many seconds of training.
WINDOW_SECS = 3.0
# Of the longest interval's rows, in one whose loss is looked at.
LEAST_EXAMPLES_SHARE = 0.1
# Where training goes astray.
REMEDY = (
    "lower config.optimizer.learning_rate or set config.optimizer.clip_norm"
)


def name_of(line: str) -> str:
    """Returns the name that an alert's line begins with."""
    return line.partition(" ")[0]


@dataclasses.dataclass
class Memory:
    """What alerts know of a run; its checkpoints hold it, as JSON.

    Attributes:
      told: names of the alerts that were.
      first_loss: of the first interval; None before it.
      least_loss, least_step: the least so far, and at which step it was.
      has_learnt: whether an interval's loss was below that of guessing.
      most_examples: rows of the longest interval.
    """

    told: list[str] = dataclasses.field(default_factory=list)
    first_loss: float | None = None
    least_loss: float | None = None
    least_step: int = 0
    has_learnt: bool = False
    most_examples: int = 0


class Alerts:
    """Remembers what was seen, and what was told."""

    def __init__(self, memory: Memory) -> None:
        """Goes on from what is known of the run; it is added to."""
        self._memory = memory
        self._norms: list[float] = []
        self._secs = self._wait_secs = self._own_secs = 0.0

    def _once(self, name: str, step: int, words: str) -> list[str]:
        if name in self._memory.told:
            return []
        self._memory.told.append(name)
        return [f"{name} at step {step}: {words}"]

    def is_short(self, examples: int) -> bool:
        """Whether an interval has too few rows beside others to be looked at.

        Args:
          examples: its rows. An epoch's last interval may be of a single one.
        """
        memory = self._memory
        memory.most_examples = max(memory.most_examples, examples)
        return examples < LEAST_EXAMPLES_SHARE * memory.most_examples

    def of_loss(self, step: int, loss: float) -> list[str]:
        """Looks at the mean training loss of an interval of steps."""
        memory = self._memory
        if memory.first_loss is None or memory.least_loss is None:
            memory.first_loss = memory.least_loss = loss
            memory.least_step = step
        least, least_step = memory.least_loss, memory.least_step
        if loss < least:
            memory.least_loss, memory.least_step = loss, step
        # By distances: a loss may be below 0.
        allowed = max((LOSS_RATIO - 1) * abs(least), memory.first_loss - least)
        if not loss - least > allowed:
            return []
        return self._once(
            "diverging",
            step,
            f"the training loss is {loss:.4g}, and was {least:.4g} at step"
            f" {least_step}; {REMEDY}",
        )

    def of_guess(
        self, step: int, epochs: float, loss: float, guess_loss: float
    ) -> list[str]:
        """Looks whether training has done better than guessing so far.

        Args:
          step: global steps done.
          epochs: that they are.
          loss: the mean training loss of an interval of steps.
          guess_loss: of the answer that looks at no row.
        """
        if loss < guess_loss - LEAST_GAIN * abs(guess_loss):
            self._memory.has_learnt = True
        is_early = epochs < LEAST_EPOCHS or step < LEAST_STEPS
        if self._memory.has_learnt or is_early:
            return []
        return self._once(
            "learns_nothing",
            step,
            f"after {epochs:.3g} epochs the training loss is {loss:.4g}, and"
            f" guessing without a look at the rows has {guess_loss:.4g}; set"
            " another config.optimizer.learning_rate, lower first, or see"
            " whether the rows tell anything of their labels",
        )

    def of_gradient(self, step: int, norm: float) -> list[str]:
        """Looks at the norm of a step's gradient."""
        before = self._norms
        self._norms = [*before, norm][-100:]
        if len(before) < LEAST_GRADIENTS:
            return []
        median = statistics.median(before)
        if norm <= GRADIENT_RATIO * median:
            return []
        return self._once(
            "exploding_gradients",
            step,
            f"the gradient's norm is {norm:.4g}, the median before it"
            f" {median:.4g}; {REMEDY}",
        )

    def of_chunk(
        self,
        step: int,
        *,
        secs: float,
        wait_secs: float,
        own_secs: float,
        global_batch_size: int,
    ) -> list[str]:
        """Looks at where the time of a chunk of steps went.

        Args:
          step: global steps done.
          secs: of the chunk, its wait for input included.
          wait_secs: spent waiting for input.
          own_secs: that a replica spent on its own work, waiting for the others
            left out; 0 where there is but one.
          global_batch_size: of the run.
        """
        lines = []
        if wait_secs > STALL_SECS:
            lines += self._once(
                "stalled_input",
                step,
                f"the next rows took {wait_secs:.0f} s to come; look at the"
                " disk or the network that holds the data",
            )
        self._secs += secs
        self._wait_secs += wait_secs
        self._own_secs += own_secs
        if self._secs < WINDOW_SECS:
            return lines
        waiting = self._wait_secs / self._secs
        working = self._own_secs / max(self._secs - self._wait_secs, 1e-9)
        self._secs = self._wait_secs = self._own_secs = 0.0
        if waiting > INPUT_SHARE:
            lines += self._once(
                "input_bound",
                step,
                f"{waiting:.0%} of the time is spent waiting for rows; put the"
                " data on a faster disk or in memory, give the job more"
                " processors, or make the model larger",
            )
        elif 0 < working < LEAST_SHARE:
            wanted = batch_size_wanted(global_batch_size, working)
            lines += self._once(
                "small_replicas",
                step,
                f"a replica works for {working:.0%} of a step and waits for the"
                " others in the rest; use fewer, or from"
                f" config.global_batch_size={wanted} on it"
                f" would work for {WANTED_SHARE:.0%}",
            )
        return lines

    def of_traces(self, step: int, traces: int) -> list[str]:
        """Looks at how often the training step was traced by now."""
        if traces < 2:
            return []
        return self._once(
            "recompilation",
            step,
            f"the training step was compiled {traces} times; the shapes of its"
            " input changed, which Strata's own pipeline never does: please"
            " report it",
        )


def batch_size_wanted(global_batch_size: int, working: float) -> int:
    """Returns the batch from which a replica works for WANTED_SHARE of a step.

    Its own work grows with its rows, and what is left of a step does not.

    Args:
      global_batch_size: that was measured.
      working: share of a step that a replica works, at that size.
    """
    factor = WANTED_SHARE / (1 - WANTED_SHARE) * (1 - working) / working
    size = 1
    while size < factor * global_batch_size:
        size *= 2
    return size
