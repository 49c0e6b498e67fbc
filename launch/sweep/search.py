"""The search: Optuna's trials, in a journal that processes and hosts share.

What Optuna alone does not give: the same trials whoever was killed when. A
trial gets all its values in one line of the journal, and these are a function
of the study's seed, its number and the trials before it, not of a generator
that some process holds.
"""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator
from typing import Any
from typing import Literal
from typing import TYPE_CHECKING

import numpy as np

from trainer.launch.sweep import space as space_lib
from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.ranges import Value
from trainer.launch.sweep.rules import broken_rule
from trainer.process.exits import UserError
from trainer.process.extras import missing_package
from trainer.storage.files import lock

if TYPE_CHECKING:
    import optuna

FILE = "study.log"
STUDY = "strata"
# Trials that are drawn at random before the others are looked at.
STARTUP_TRIALS = 10
# How a trial ended, beside its state: an attribute of it.
END = "end"
# By which that begins where its config or its command was refused.
REFUSED = "refused: "
# By which it begins where the process failed, by no fault of its values.
FAILED = "exit code "


def has_failed(trial: "optuna.trial.FrozenTrial") -> bool:
    """Whether a trial has failed, and the next start tries it again."""
    end = trial.user_attrs.get(END) or ""
    return not trial.state.is_finished() and end.startswith(FAILED)


def has_ended(trial: "optuna.trial.FrozenTrial") -> bool:
    """Whether nobody is to work on a trial any more, or not by this start."""
    return trial.state.is_finished() or has_failed(trial)


def check_possible() -> None:
    """Raises UserError where the extra `sweep` is not installed."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise missing_package("a sweep", "optuna", "sweep") from None


class _Lock:
    """A journal's lock that the kernel lets go of when its holder dies.

    Optuna's own are files, which a killed holder leaves behind: whoever comes
    then waits for 30 s.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._file: Any = None

    def acquire(self) -> bool:
        file = open(self._path, "a")  # noqa: SIM115
        if not lock(file, fcntl.LOCK_EX):
            file.close()
            raise UserError(
                f"{self._path} cannot be locked: its file system knows no"
                " locks, which a sweep needs; name a --workdir on another"
            )
        self._file = file
        return True

    def release(self) -> None:
        self._file.close()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


class Search:
    """The trials of a sweep."""

    def __init__(self, workdir: pathlib.Path, plan: Plan) -> None:
        """Opens the journal, or begins one.

        Args:
          workdir: of the sweep.
          plan: what is searched.

        Raises:
          UserError: the extra `sweep` is not installed, or the journal is
            damaged.
        """
        check_possible()
        import optuna
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._plan = plan
        path = workdir / FILE
        journal = _Lock(workdir / ".journal.lock")
        self._asking = _Lock(workdir / ".ask.lock")
        with journal.held():
            _drop_torn_line(path)
        backend = JournalFileBackend(os.fspath(path), lock_obj=journal)  # type: ignore[arg-type]
        try:
            self._storage = optuna.storages.JournalStorage(backend)
            with self._asking.held():
                self._study = optuna.create_study(
                    storage=self._storage,
                    study_name=STUDY,
                    direction=self._direction,
                    pruner=_pruner(plan.study.pruner),
                    load_if_exists=True,
                )
        except (ValueError, KeyError) as error:
            raise UserError(
                f"{path} is damaged ({error}); restore it or name another"
                " --workdir"
            ) from error

    @property
    def _direction(self) -> Literal["minimize", "maximize"]:
        return "minimize" if self._plan.is_lower_better else "maximize"

    def trials(self) -> "list[optuna.trial.FrozenTrial]":
        """Returns all trials, in their order."""
        return self._study.get_trials(deepcopy=False)

    def values_of(self, trial: "optuna.trial.FrozenTrial") -> dict[str, Value]:
        """Returns the fields that a trial sets."""
        import optuna

        fixed = optuna.trial.FixedTrial(trial.params)
        return space_lib.suggest(fixed, self._plan.space)

    def ask(self, limit: int) -> "optuna.trial.FrozenTrial | None":
        """Begins a trial; None where there are so many already.

        One whose values break a rule together has ended as it begins.
        """
        import optuna

        with self._asking.held():
            trials = self.trials()
            number = len(trials)
            if number >= limit:
                return None
            asked = self._asked(number, trials)
            values = space_lib.suggest(asked, self._plan.space)  # once more
            broken = broken_rule(values, self._plan.config)
            states = optuna.trial.TrialState
            self._study.add_trial(
                optuna.trial.create_trial(
                    # The sampler takes it for one that does badly there.
                    state=states.PRUNED if broken else states.RUNNING,
                    params=asked.params,
                    distributions=asked.distributions,
                    user_attrs={END: REFUSED + broken} if broken else {},
                )
            )
            return self.trials()[number]

    def _asked(
        self, number: int, trials: "list[optuna.trial.FrozenTrial]"
    ) -> "optuna.trial.Trial":
        """Returns a trial of a study in memory, with all its values."""
        import optuna

        shadow = optuna.create_study(
            direction=self._direction, sampler=self._sampler(number)
        )
        shadow.add_trials(trials)
        trial = shadow.ask()
        space_lib.suggest(trial, self._plan.space)
        return trial

    def _sampler(self, number: int) -> "optuna.samplers.BaseSampler":
        import optuna

        wanted = self._plan.study
        entropy = np.random.SeedSequence([wanted.seed, number])
        seed = int(entropy.generate_state(1)[0])
        if wanted.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(
            n_startup_trials=STARTUP_TRIALS, seed=seed
        )

    def report(self, number: int, index: int, value: float) -> None:
        """Notes a trial's score at one of its evaluations, or runs."""
        trial = self.trials()[number]
        self._storage.set_trial_intermediate_value(
            trial._trial_id, index, value
        )

    def is_hopeless(self, number: int) -> bool:
        """Whether the pruner would end a trial where it stands."""
        return self._study.pruner.prune(self._study, self.trials()[number])

    def tell(self, number: int, value: float | None, end: str) -> None:
        """Ends a trial.

        Args:
          number: of the trial.
          value: its score; None where it has none.
          end: "done", "pruned", "diverged", or why it failed.
        """
        from optuna.trial import TrialState

        trial = self.trials()[number]
        if trial.state.is_finished():
            return
        self._storage.set_trial_user_attr(trial._trial_id, END, end)
        if end.startswith(FAILED):
            return  # Optuna takes up no trial that it was told of.
        states = {
            "done": TrialState.COMPLETE,
            "pruned": TrialState.PRUNED,
            # The sampler takes it for one that does badly there.
            "diverged": TrialState.PRUNED,
        }
        state = states.get(end, TrialState.FAIL)
        self._study.tell(number, value, state)

    def begin_again(self, number: int) -> None:
        """Forgets that a trial has failed."""
        trial = self.trials()[number]
        self._storage.set_trial_user_attr(trial._trial_id, END, None)

    def importance(self) -> dict[str, float]:
        """Returns the share of the score's variance that each field explains.

        {} where they cannot be told apart, as of trials that are all alike.
        """
        from optuna import importance

        try:
            return importance.get_param_importances(
                self._study,
                evaluator=importance.FanovaImportanceEvaluator(seed=0),
            )
        except (ValueError, RuntimeError):
            return {}

    def best(self) -> "optuna.trial.FrozenTrial | None":
        """Returns the trial with the best score; the first of equals."""
        return next(iter(self.ranked()), None)

    def ranked(self) -> "list[optuna.trial.FrozenTrial]":
        """Returns the trials that have a score, the best first."""
        from optuna.trial import TrialState

        done = [t for t in self.trials() if t.state == TrialState.COMPLETE]
        sign = 1 if self._plan.is_lower_better else -1
        return sorted(done, key=lambda t: (sign * (t.value or 0.0), t.number))


def _pruner(name: str) -> "optuna.pruners.BasePruner":
    import optuna

    if name == "median":
        return optuna.pruners.MedianPruner()
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner()
    return optuna.pruners.NopPruner()


def _drop_torn_line(path: pathlib.Path) -> None:
    """Removes what a power cut left of a last line."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    if data and not data.endswith(b"\n"):
        with open(path, "r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)
