"""A job's course under Kubernetes' rules, and without one of them."""

import pytest

from tests.launch.kubernetes.job_controller import End
from tests.launch.kubernetes.job_controller import JobController
from tests.launch.kubernetes.job_controller import KILLED
from tests.launch.kubernetes.job_controller import MOST_DELAY_SECS
from trainer.launch.kubernetes.manifest import objects
from trainer.launch.kubernetes.pods import JOIN_SECS
from trainer.launch.kubernetes.request import Request

NODES = 8
PREEMPTIONS = 20
HOUR_SECS = 3600.0


def job(max_restarts=2):
    request = Request(
        name="mnist",
        nodes=NODES,
        image="strata",
        arguments=("--config=mnist",),
        max_restarts=max_restarts,
        max_secs=48 * 3600,
        cpu="1",
        memory="1Gi",
    )
    return objects(request)[-1]["spec"]


def all_leave(index):
    """A pod is taken away; its peers' workers leave, and their pods too."""
    return {i: End(42, disrupted=i == index) for i in range(NODES)}


def one_leaves(index):
    """A pod is taken away; its peers' workers start again in their pods."""
    return {index: End(42, disrupted=True)}


def one_is_killed(index):
    """A pod's time to leave is over before its checkpoint is written."""
    return {index: End(KILLED, disrupted=True)}


def preempt(spec, what):
    controller = JobController(spec)
    for turn in range(PREEMPTIONS):
        controller.run(HOUR_SECS)
        controller.end(what(turn % NODES))
    controller.end({index: End(0) for index in range(NODES)})
    return controller


@pytest.mark.parametrize("what", [all_leave, one_leaves, one_is_killed])
def test_a_job_survives_preemptions(what):
    controller = preempt(job(), what)
    assert controller.reason is None
    assert controller.complete
    assert controller.failed == 0
    # A pod that is made again comes before its peers give up.
    assert MOST_DELAY_SECS < JOIN_SECS


def test_peers_that_start_again_in_place_cost_no_pods():
    assert preempt(job(), one_leaves).made == NODES + PREEMPTIONS
    assert preempt(job(), all_leave).made == NODES * (1 + PREEMPTIONS)


@pytest.mark.parametrize(("rule", "what"), [(1, all_leave), (2, one_is_killed)])
def test_without_its_ignore_rule_the_job_fails(rule, what):
    spec = job()
    removed = spec["podFailurePolicy"]["rules"].pop(rule)
    assert removed["action"] == "Ignore"
    controller = preempt(spec, what)
    assert controller.reason == "BackoffLimitExceeded"
    assert not controller.complete


@pytest.mark.parametrize("code", [2, 3, 43])
@pytest.mark.parametrize("disrupted", [False, True])
def test_what_must_not_be_retried_ends_the_job_at_once(code, disrupted):
    controller = JobController(job())
    controller.end({5: End(code, disrupted)})
    assert controller.reason == "PodFailurePolicy"
    assert controller.made == NODES


def test_a_defect_is_tried_as_often_as_the_restarts_say():
    controller = JobController(job(max_restarts=2))
    for _ in range(2 * NODES):
        controller.end({0: End(1)})
    assert controller.reason is None
    controller.end({0: End(1)})
    assert controller.reason == "BackoffLimitExceeded"


def test_a_job_ends_at_its_deadline():
    controller = JobController(job())
    controller.run(49 * HOUR_SECS)
    controller.end(one_leaves(0))
    assert controller.reason == "DeadlineExceeded"
    assert controller.made == NODES
