"""Trials are run once, whoever is killed when, and end the same."""

import errno
import fcntl
import functools
import json
import math
import os
import pathlib
import random
import signal
import time

import pytest

from tests.launch.sweep.warm_stand_in import FakeChild
from tests.launch.sweep.warm_stand_in import FakeWarm
from trainer.config import Config
from trainer.launch.supervise.signals import Signals
from trainer.launch.sweep import plan as plans
from trainer.launch.sweep import winner
from trainer.launch.sweep.crew import Crew
from trainer.launch.sweep.progress import counts_of
from trainer.launch.sweep.search import END
from trainer.launch.sweep.search import Search
from trainer.launch.sweep.slots import shares
from trainer.launch.sweep.slots import Slot
from trainer.launch.sweep.space import Space
from trainer.launch.sweep.study import Choice
from trainer.launch.sweep.study import Number
from trainer.launch.sweep.study import Study
from trainer.launch.sweep.sweep import Sweep
from trainer.launch.sweep.trainers import MOST_STARTS
from trainer.launch.sweep.trainers import Stopped
from trainer.launch.sweep.trainers import Trainers
from trainer.process.exits import ClusterError
from trainer.process.exits import DIVERGED
from trainer.process.exits import MISTAKE
from trainer.process.exits import UserError
from trainer.workdir.folder import STOP_FILE


class KilledError(BaseException):
    """Stands for a power cut."""


ONE = (plans.Member(),)


RATES: Space = {
    "optimizer.learning_rate": Number(1e-4, 1.0, log=True),
    "model.dropout": Number(0.0, 0.5),
}
# One of its six combinations is refused.
BATCHES: Space = {
    **RATES,
    "global_batch_size": Choice((16, 32, 64)),
    "optimizer.accumulation_steps": Choice((1, 32)),
}


def plan_of(*, pruner="none", members=ONE, sampler="tpe", space=None):
    return plans.Plan(
        words=("--config=digits",),
        config=Config(epochs=1),
        data_dir=None,
        study=Study(
            space=space or RATES,
            pruner=pruner,
            sampler=sampler,
        ),
        metric="loss",
        is_lower_better=True,
        bounds=(0.0, math.inf),
        members=members,
        fingerprint="",
        rows={},
        whole={},
        notes=(),
    )


def scores_of(fields):
    rate = float(fields["optimizer.learning_rate"])
    end = abs(rate - 0.1) + float(fields["model.dropout"])
    return [end + 1 / n for n in range(1, 6)]


def trainers_of(warm, folder, signals=None, *, parallel=1, max_secs=None):
    slots, file = [Slot({})] * parallel, folder / STOP_FILE
    return Trainers(warm, slots, signals or Signals(), file, max_secs)


def crew_of(
    plan, folder, warm, *, trials=16, parallel=1, on_change=None, at_once=1
):
    folder.mkdir(exist_ok=True)
    search = Search(folder, plan)
    trainers = trainers_of(warm, folder, parallel=parallel)
    crew = Crew(
        Sweep(plan, search, folder, trainers),
        trials=trials,
        on_change=on_change or (lambda: None),
        at_once=at_once,
    )
    return search, crew


def told(search):
    return [
        (t.number, t.params, t.value, t.intermediate_values, t.state)
        for t in search.trials()
    ]


@pytest.mark.parametrize(
    ("pruner", "stack", "space"),
    [
        ("none", 1, RATES),
        ("median", 1, RATES),
        ("none", 4, RATES),
        ("none", 1, BATCHES),
        ("none", 4, BATCHES),
    ],
)
def test_a_sweep_that_is_killed_30_times_ends_as_one_that_is_not(
    tmp_path, pruner, stack, space
):
    plan = plan_of(pruner=pruner, space=space)
    warm = FakeWarm(scores_of)
    whole, crew = crew_of(plan, tmp_path / "whole", warm, at_once=stack)
    crew.work()
    chance = random.Random(0)
    kills = 30
    done = []

    def maybe():
        nonlocal kills
        if kills and chance.random() < 0.5:
            kills -= 1
            raise KilledError

    def after(tell, *end):
        maybe()
        tell(*end)

    while True:
        warm = FakeWarm(scores_of, on_start=maybe)
        search, crew = crew_of(
            plan, tmp_path / "cut", warm, on_change=maybe, at_once=stack
        )
        # Also between the ends of trials that trained side by side.
        search.tell = functools.partial(after, search.tell)
        try:
            crew.work()
            break
        except KilledError:
            pass
        finally:
            done += warm.finished
    assert not kills
    assert told(search) == told(whole)
    assert len(set(done)) == len(done)
    assert search.best().number == whole.best().number


def test_trials_of_several_slots_are_each_run_once(tmp_path):
    warm = FakeWarm(scores_of)
    search, crew = crew_of(plan_of(), tmp_path, warm, parallel=4)
    crew.work()
    assert sorted(warm.finished) == [f"{n:04d}" for n in range(16)]
    assert all(t.user_attrs[END] == "done" for t in search.trials())


def test_runs_side_by_side_are_of_one_process(tmp_path):
    members = tuple(plans.Member(f"seed_{n}", {"seed": n}) for n in range(2))
    warm = FakeWarm(scores_of)
    plan = plan_of(members=members)
    search, crew = crew_of(plan, tmp_path, warm, trials=5, at_once=4)
    crew.work()
    assert len(search.ranked()) == 5
    asked = [words.count("+") for words in warm.started]
    # Two trials of two runs each, twice, and the one that is left.
    assert asked == [4, 4, 2]


def test_one_that_fails_beside_others_is_tried_alone(tmp_path):
    class Failing(FakeWarm):
        def start(self, words, *args, **how):
            if words[0] != "trainer.task":
                self.started.append(words)
                return FakeChild(75)
            return super().start(words, *args, **how)

    warm = Failing(scores_of)
    search, crew = crew_of(plan_of(), tmp_path, warm, trials=2, at_once=2)
    crew.work()
    assert [t.user_attrs[END] for t in search.trials()] == ["done"] * 2
    assert len(warm.started) == MOST_STARTS + 2


def test_what_another_process_works_on_is_left_to_it(tmp_path):
    plan = plan_of()
    warm = FakeWarm(scores_of)
    _, other = crew_of(plan, tmp_path, FakeWarm(scores_of), trials=1)
    search, crew = crew_of(plan, tmp_path, warm, trials=2)
    inside = []

    def while_it_runs():
        if not inside:
            inside.append(True)
            crew.work()

    other._on_change = while_it_runs
    other.work()
    assert warm.finished == ["0001"]
    assert [t.user_attrs[END] for t in search.trials()] == ["done", "done"]


def test_a_trial_that_diverges_is_no_winner_and_no_end(tmp_path):
    def code_of(fields):
        rate = float(fields["optimizer.learning_rate"])
        return DIVERGED if rate > 0.01 else 0

    search, crew = crew_of(plan_of(), tmp_path, FakeWarm(scores_of, code_of))
    crew.work()
    ends = {t.user_attrs[END] for t in search.trials()}
    assert ends == {"done", "diverged"}
    assert search.best().params["optimizer.learning_rate"] <= 0.01


def test_a_trial_that_fails_again_and_again_has_failed(tmp_path):
    warm = FakeWarm(scores_of, lambda fields: 75)
    search, crew = crew_of(plan_of(), tmp_path, warm, trials=1)
    crew.work()
    assert search.trials()[0].user_attrs[END] == "exit code 75"
    assert len(warm.started) == 3
    assert counts_of(search.trials())["failed"] == 1
    words = r"1 failed \(exit code 75\); see .*trials/0000/logs; the same"
    with pytest.raises(ClusterError, match=words):
        winner.finish(crew._sweep)


@pytest.mark.parametrize("stack", [1, 4])
def test_a_trial_that_failed_is_tried_again_by_the_next_start(tmp_path, stack):
    def code_of(fields):
        return 1 if float(fields["model.dropout"]) > 0.25 else 0

    def start(warm, folder):
        search, crew = crew_of(plan, tmp_path / folder, warm, at_once=stack)
        crew.work()
        return search, crew

    plan, warm = plan_of(sampler="random"), FakeWarm(scores_of, code_of)
    search, crew = start(warm, "cut")
    before = counts_of(search.trials())
    assert 0 < before["failed"] < 16
    assert (before["running"], before["done"]) == (0, 16 - before["failed"])
    assert not crew._take(0)  # once a start
    again = FakeWarm(scores_of)
    search, _ = start(again, "cut")
    assert len(again.finished) == before["failed"]
    assert told(search) == told(start(FakeWarm(scores_of), "whole")[0])


@pytest.mark.parametrize("trials", [1, 16])
@pytest.mark.parametrize("stack", [1, 4])
def test_a_command_that_is_refused_in_all_trials_ends_the_sweep(
    tmp_path, trials, stack
):
    """Until the next start, by which its mistake may be mended."""
    warm = FakeWarm(scores_of, lambda fields: MISTAKE)
    how = {"trials": trials, "at_once": stack}
    search, crew = crew_of(plan_of(), tmp_path, warm, **how)
    with pytest.raises(UserError, match="trials/0000 is refused: "):
        crew.work()
    assert not any(t.state.is_finished() for t in search.trials())
    search, crew = crew_of(plan_of(), tmp_path, FakeWarm(scores_of), **how)
    crew.work()
    assert [t.user_attrs[END] for t in search.trials()] == ["done"] * trials


@pytest.mark.parametrize("stack", [1, 4])
def test_a_command_that_is_refused_in_some_trials_fails_these(tmp_path, stack):
    """Also in the last ones."""

    def code_of(fields):
        return MISTAKE if float(fields["model.dropout"]) > 0.25 else 0

    plan = plan_of(sampler="random")
    warm = FakeWarm(scores_of, code_of)
    search, crew = crew_of(plan, tmp_path, warm, trials=8, at_once=stack)
    crew.work()
    ends = [t.user_attrs[END] for t in search.trials()]
    assert set(ends) == {"done", "refused: "}
    assert (ends[0], ends[-1]) == ("refused: ", "refused: ")
    assert counts_of(search.trials())["failed"] == ends.count("refused: ")


def test_values_that_break_a_rule_together_are_a_trial_that_failed(tmp_path):
    plan = plan_of(space=BATCHES)
    warm = FakeWarm(scores_of)
    search, crew = crew_of(plan, tmp_path, warm, trials=20)
    crew.work()
    by_end: dict[bool, list] = {False: [], True: []}
    for trial in search.trials():
        is_done = trial.user_attrs[END] == "done"
        by_end[is_done].append(search.values_of(trial))
    assert len(warm.started) == len(by_end[True])
    assert by_end[False]
    for is_done, found in by_end.items():
        for values in found:
            batch = values["global_batch_size"]
            fits = values["optimizer.accumulation_steps"] <= batch
            assert fits == is_done
    (told,) = {
        t.user_attrs[END] for t in search.trials() if t not in search.ranked()
    }
    assert told == (
        "refused: config.optimizer.accumulation_steps=32 must not exceed"
        " config.global_batch_size=16"
    )


def test_a_rule_that_all_values_break_is_told(tmp_path):
    space: Space = {
        "optimizer.nesterov": Choice((True,)),
        "optimizer.momentum": Choice((0.0,)),
    }
    plan = plan_of(space=space)
    _, crew = crew_of(plan, tmp_path, FakeWarm(scores_of), trials=3)
    crew.work()
    with pytest.raises(UserError, match=r"3 failed; the first: .*nesterov"):
        winner.finish(crew._sweep)


def test_the_worse_half_is_pruned_and_stays_pruned(tmp_path):
    plan = plan_of(pruner="median", sampler="random")
    search, crew = crew_of(plan, tmp_path, FakeWarm(scores_of))
    crew.work()
    ends = [t.user_attrs[END] for t in search.trials()]
    assert ends[:5] == ["done"] * 5
    assert "pruned" in ends
    assert not list(tmp_path.glob("trials/*/STOP"))


def test_a_trial_of_several_runs_has_their_mean(tmp_path):
    members = tuple(plans.Member(f"seed_{n}", {"seed": n}) for n in range(3))
    warm = FakeWarm(lambda fields: [float(fields["seed"])])
    plan = plan_of(members=members)
    search, crew = crew_of(plan, tmp_path, warm, trials=1)
    crew.work()
    assert search.trials()[0].value == 1.0
    assert warm.finished == ["seed_0", "seed_1", "seed_2"]
    outcome = winner.finish(crew._sweep)
    assert outcome["validation"] == [0.0, 1.0, 2.0]
    assert outcome["members"] == [f"trials/0000/seed_{n}" for n in range(3)]


def test_the_winner_meets_the_test_rows_once(tmp_path):
    warm = FakeWarm(scores_of)
    plan = plan_of()
    _, crew = crew_of(plan, tmp_path, warm, trials=3)
    crew.work()
    assert not any("evaluate" in words for words in warm.started)
    first = winner.finish(crew._sweep)
    assert winner.finish(crew._sweep) == first
    asked = [words for words in warm.started if "evaluate" in words]
    assert len(asked) == 1
    assert (first["test"], first["test_interval"]) == ([0.5], [0.4, 0.6])
    assert first["looks"] == 1


def test_no_score_is_no_winner(tmp_path):
    warm = FakeWarm(scores_of, lambda fields: DIVERGED)
    plan = plan_of()
    _, crew = crew_of(plan, tmp_path, warm, trials=2)
    crew.work()
    with pytest.raises(UserError, match="2 diverged"):
        winner.finish(crew._sweep)


def test_a_stop_leaves_the_trial_to_be_gone_on_with(tmp_path):
    plan = plan_of()
    crews = []

    def stop():
        crews[0]._trainers.stop(signal.SIGTERM)

    warm = FakeWarm(scores_of, lambda fields: 42)
    search, crew = crew_of(plan, tmp_path, warm, on_change=stop)
    crews.append(crew)
    with pytest.raises(Stopped):
        crew.work()
    assert len(search.trials()) == 1
    assert not search.trials()[0].state.is_finished()
    search, crew = crew_of(plan, tmp_path, FakeWarm(scores_of), trials=1)
    crew.work()
    assert search.trials()[0].user_attrs[END] == "done"


class Patient:
    """Stands for a command that ends where it is told to, and its `Warm`."""

    code = None

    def start(self, words, descriptors, *, environment, cores):
        self.deadline = time.monotonic() + 20
        return self

    def wait(self, timeout_secs):
        assert timeout_secs is not None, "nobody would look for a signal"
        assert time.monotonic() < self.deadline, "nobody told it to stop"
        return self.code

    def send_signal(self, number):
        self.code = -number


def test_a_stop_file_stops_all_trials_and_starts_no_other(tmp_path):
    asked = tmp_path / STOP_FILE
    search, crew = crew_of(
        plan_of(), tmp_path, Patient(), on_change=asked.touch
    )
    with pytest.raises(Stopped):
        crew.work()
    assert [trial.state.is_finished() for trial in search.trials()] == [False]
    warm = FakeWarm(scores_of)
    search, crew = crew_of(plan_of(), tmp_path, warm, trials=2)
    with pytest.raises(Stopped):
        crew.work()
    assert not warm.started
    asked.unlink()
    search, crew = crew_of(plan_of(), tmp_path, warm, trials=2)
    crew.work()
    assert all(trial.state.is_finished() for trial in search.trials())


@pytest.mark.parametrize("by", ["signal", "file", "time"])
def test_what_scores_the_winner_hears_of_a_stop(tmp_path, by):
    """And the next start scores it."""
    plan = plan_of()
    search, crew = crew_of(plan, tmp_path, FakeWarm(scores_of), trials=1)
    crew.work()
    signals = Signals()
    max_secs = 0.01 if by == "time" else None
    trainers = trainers_of(Patient(), tmp_path, signals, max_secs=max_secs)
    if by == "signal":
        signals.add(signal.SIGINT)
    if by == "file":
        (tmp_path / STOP_FILE).touch()
    with pytest.raises(Stopped):
        winner.finish(Sweep(plan, search, tmp_path, trainers))
    (tmp_path / STOP_FILE).unlink(missing_ok=True)
    again = trainers_of(FakeWarm(scores_of), tmp_path)
    assert winner.finish(Sweep(plan, search, tmp_path, again))["test"] == [0.5]


def test_a_torn_last_line_of_the_journal_is_dropped(tmp_path):
    plan = plan_of()
    search, crew = crew_of(plan, tmp_path, FakeWarm(scores_of), trials=2)
    crew.work()
    expected = told(search)
    journal = pathlib.Path(tmp_path / "study.log")
    journal.write_bytes(journal.read_bytes() + b'{"op_code":4,"work')
    search, crew = crew_of(plan, tmp_path, FakeWarm(scores_of), trials=3)
    assert told(search) == expected
    crew.work()
    assert len(search.trials()) == 3


def test_shares_are_even_and_none_is_empty():
    assert shares(["0", "1", "2", "3"], 2) == [["0", "2"], ["1", "3"]]
    assert shares(["0", "1"], 3) == [["0"], ["1"], ["0"]]


def test_the_best_are_kept_as_one_model(tmp_path):
    warm = FakeWarm(scores_of)
    plan = plan_of()
    search, crew = crew_of(plan, tmp_path, warm, trials=5)
    crew.work()
    outcome = winner.finish(crew._sweep, keep=3)
    best = [f"trials/{t.number:04d}" for t in search.ranked()[:3]]
    told = json.loads((tmp_path / "ensemble.json").read_text())
    assert told["members"] == outcome["kept"] == best
    assert (outcome["kept_test"], outcome["looks"]) == (0.5, 1)
    assert "mean of 3 runs" in winner.told(plan, outcome, tmp_path)
    alone = winner.finish(crew._sweep)
    assert (alone["kept"], alone["kept_test"]) == (best[:1], None)


def test_a_file_system_without_locks_is_no_place_for_a_sweep(
    tmp_path, monkeypatch
):
    def flock(file, kind):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UserError, match="knows no locks, which a sweep needs"):
        Search(tmp_path, plan_of())
