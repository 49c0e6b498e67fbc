"""A supervisor's numbers, and the sockets that it hands on."""

import types
import urllib.request
from typing import Any

import prometheus_client
import pytest

from tests import processes
from trainer.launch.supervise import metrics
from trainer.launch.supervise.policy import Policy
from trainer.launch.supervise.policy import Supervision
from trainer.process.exits import UserError


def test_nothing_is_listened_at_unless_asked_for():
    assert metrics.listen("127.0.0.1", None, 2) == (None, [])


def test_the_workers_ports_are_those_after_the_supervisors():
    port = processes.free_ports_in_a_row(3)
    registry, sockets = metrics.listen("127.0.0.1", port, 2)
    assert registry is not None
    ports = [each.getsockname()[1] for each in sockets]
    assert ports == [port + 1, port + 2]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"process_cpu_seconds_total" in answer.read()
    with pytest.raises(UserError, match=f"--metrics_port={port} of"):
        metrics.listen("127.0.0.1", port, 2)
    for each in sockets:
        each.close()


def test_starts_ends_and_checkpoints_are_shown():
    registry = prometheus_client.CollectorRegistry()
    state = Supervision(Policy(2, 1))
    numbers = metrics.Numbers(registry, state, lambda: 7)
    workers: list[Any] = [
        types.SimpleNamespace(index=i, is_running=True) for i in range(2)
    ]
    numbers.started(workers)

    def value(name, **labels):
        return registry.get_sample_value(f"strata_supervisor_{name}", labels)

    assert value("workers_wanted") == value("workers_running") == 2
    assert value("checkpoint_step") == 7
    workers[1].is_running = False
    assert value("workers_running") == 1
    numbers.ended([75, -9])
    state.decide([75, -9], 1, 0)
    assert value("worker_exits_total", worker="1", code="-9") == 1
    assert value("failures_in_a_row") == 1
    assert value("starts_total") == 1
