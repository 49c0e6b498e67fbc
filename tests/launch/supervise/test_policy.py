"""The supervisor's decisions, as a state machine without processes."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize
from hypothesis.stateful import precondition
from hypothesis.stateful import rule
from hypothesis.stateful import RuleBasedStateMachine

from trainer.launch.supervise.policy import AWAY_SECS
from trainer.launch.supervise.policy import code_when_told
from trainer.launch.supervise.policy import FINAL
from trainer.launch.supervise.policy import FIRST_DELAY_SECS
from trainer.launch.supervise.policy import Leave
from trainer.launch.supervise.policy import MOST_DELAY_SECS
from trainer.launch.supervise.policy import Policy
from trainer.launch.supervise.policy import Restart
from trainer.launch.supervise.policy import Supervision

RETRIED = (-9, -15, 1, 42, 75)


class Job(RuleBasedStateMachine):
    """A job whose workers end in any way, with and without progress."""

    @initialize(
        num_workers=st.integers(1, 5),
        data=st.data(),
        max_restarts=st.integers(0, 6),
    )
    def begin(self, num_workers, data, max_restarts):
        self.policy = Policy(
            num_workers, data.draw(st.integers(1, num_workers)), max_restarts
        )
        self.step = 0
        self.start()

    def start(self):
        self.supervision = Supervision(self.policy, self.step)
        self.without_progress = 0
        self.last_delay_secs = 0.0
        self.last_verdict = None

    @precondition(lambda self: not self.running())
    @rule()
    def is_started_again(self):
        self.start()

    def running(self):
        return not isinstance(self.last_verdict, Leave)

    def decide(self, codes):
        failed = next((i for i, code in enumerate(codes) if code), None)
        self.last_verdict = self.supervision.decide(codes, failed, self.step)
        return self.last_verdict

    def codes(self, data, choices):
        size = self.supervision.workers
        return data.draw(
            st.lists(st.sampled_from(choices), min_size=size, max_size=size)
        )

    @precondition(running)
    @rule(data=st.data(), progress=st.integers(0, 2))
    def fails(self, data, progress):
        self.step += progress
        verdict = self.decide(self.codes(data, RETRIED))
        self.without_progress = 1 if progress else self.without_progress + 1
        allowed = self.without_progress <= self.policy.max_restarts
        assert isinstance(verdict, Restart) == allowed
        if isinstance(verdict, Leave):
            assert verdict.code in (1, 75)
            return
        assert self.policy.min_workers <= verdict.workers
        assert verdict.workers <= self.policy.num_workers
        assert verdict.delay_secs <= MOST_DELAY_SECS
        if self.without_progress == 1:
            assert verdict.delay_secs == 0
        else:
            assert verdict.delay_secs >= max(
                self.last_delay_secs, FIRST_DELAY_SECS
            )
        self.last_delay_secs = verdict.delay_secs

    @precondition(running)
    @rule(data=st.data(), final=st.sampled_from(FINAL))
    def ends_for_good(self, data, final):
        codes = self.codes(data, RETRIED)
        codes[data.draw(st.integers(0, len(codes) - 1))] = final
        assert self.decide(codes) == Leave(final)

    @precondition(running)
    @rule(data=st.data())
    def is_done(self, data):
        codes = self.codes(data, (0, *RETRIED))
        codes[0] = 0
        assert self.decide(codes) == Leave(0)


TestJob = Job.TestCase
TestJob.settings = settings(max_examples=200, stateful_step_count=30)


def test_a_worker_that_stays_away_is_done_without_and_then_tried_again():
    supervision = Supervision(Policy(3, 2))
    sizes = [
        supervision.decide([75, -9, 75], 1, step=0).workers for _ in range(3)
    ]
    assert sizes == [3, 3, 2]
    # At the next restart, all are tried.
    assert supervision.decide([75, 75], 0, step=10).workers == 3


@pytest.mark.parametrize(
    ("codes", "expected"), [([75, 75], 75), ([75, -9], 1), ([1, 75], 1)]
)
def test_a_job_without_progress_ends_by_what_failed(codes, expected):
    supervision = Supervision(Policy(2, 2, max_restarts=0))
    assert supervision.decide(codes, 0, step=0) == Leave(expected)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([42, 42], 42),
        ([43, 75], 43),
        ([0, -9], 0),
        # The chief's checkpoint is the job's.
        ([75, 42], None),
        ([-9, 75], None),
        ([75, 2], 2),
        ([75], None),
    ],
)
def test_only_a_checkpoint_is_told_as_one(codes, expected):
    assert code_when_told(codes) == expected


def test_waits_double_up_to_the_longest():
    supervision = Supervision(Policy(1, 1, max_restarts=9))
    waits = [supervision.decide([1], 0, 0).delay_secs for _ in range(9)]
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_machines_that_are_away_are_waited_for_and_no_failure():
    supervision = Supervision(Policy(2, 2, max_restarts=1))
    assert supervision.decide([75, 75], 0, 0) == Restart(2, 0.0)
    waits = [supervision.wait().delay_secs for _ in range(9)]
    assert waits == [1, 1, 2, 4, 8, 16, 32, 60, 60]
    assert supervision.failures == 1
    while isinstance(verdict := supervision.wait(), Restart):
        waits.append(verdict.delay_secs)
    assert verdict == Leave(75)
    assert AWAY_SECS <= sum(waits) < AWAY_SECS + 60
    # Those that came were started, and failed.
    assert supervision.decide([1, 75], 0, 5) == Restart(2, 0.0)
    assert supervision.wait() == Restart(2, 1.0)
