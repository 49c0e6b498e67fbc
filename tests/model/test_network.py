"""Workers whose network is cut, slow, late or stalled."""

import contextlib
import os
import re
import shutil

import pytest

from tests import processes
from tests.faults import jobs
from tests.faults.network import hosts
from tests.faults.network import PORT
from tests.faults.network import Proxy
from tests.faults.network import Spread

# The CPU ring knows of a silent peer after 6 to 10 s.
KNOWN_SECS = 30
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def calm(undisturbed):
    """A run that nobody touched; it is over before another begins."""
    return undisturbed(jobs.TWO_SHORT)


@pytest.fixture(scope="module")
def network():
    """Two hosts."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("to make network namespaces takes root and iproute2")
    with hosts(2) as two:
        yield two


@pytest.fixture
def job(tmp_path, network):
    """A job on two hosts that has just saved a checkpoint."""
    addresses = [f"{host.address}:{PORT}" for host in network]
    job = Spread(
        jobs.TWO_SHORT,
        tmp_path / "job",
        [addresses] * 2,
        [host.enter() for host in network],
    )
    with job.cleaned_up():
        job.start()
        jobs.wait_for("a checkpoint", job.steps_saved)
        yield job


def finish(job, calm):
    assert job.codes(jobs.TOO_LONG_SECS) == [0, 0], job.output()[-3000:]
    jobs.assert_same(job, calm)


def wait_for_chunks(job, count):
    """Waits until the job has ended so many more chunks."""
    wanted = len(job.chunks()) + count
    jobs.wait_for("more chunks", lambda: len(job.chunks()) >= wanted)


def test_a_cut_network_ends_both_workers_and_they_go_on(job, calm, network):
    network[1].link("down")
    try:
        assert job.codes(KNOWN_SECS) == [75, 75], job.output()[-3000:]
    finally:
        network[1].link("up")
    job.start()
    finish(job, calm)
    assert "going on from step_" in job.output()
    # Its connection breaks, or its heartbeat is missed: whichever is first.
    named = r"a peer or the cluster failed: .*worker 1 \(10\.77\.0\.11"
    assert re.search(named, job.output())


def test_a_slow_network_changes_nothing(job, calm, network):
    network[1].slow_down("20mbit")
    wait_for_chunks(job, 3)
    network[1].speed_up()
    finish(job, calm)
    assert not job.resumed()


@pytest.fixture
def proxies():
    """A way to each of two workers that the other one takes."""
    with contextlib.ExitStack() as closing:
        ports = processes.free_ports(2)
        made = [Proxy(port) for port in ports]
        for proxy in made:
            closing.callback(proxy.close)
        yield ports, made


@pytest.fixture
def joined(tmp_path, proxies):
    """A job over proxies that has just saved a checkpoint."""
    ports, ways = proxies
    addresses = [
        [f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ways[1].port}"],
        [f"127.0.0.1:{ways[0].port}", f"127.0.0.1:{ports[1]}"],
    ]
    job = Spread(jobs.TWO_SHORT, tmp_path / "job", addresses, [[], []])
    with job.cleaned_up():
        job.start()
        jobs.wait_for("a checkpoint", job.steps_saved)
        yield job


def test_a_late_network_changes_nothing(joined, calm, proxies):
    for way in proxies[1]:
        way.delay_secs = 0.003
    wait_for_chunks(joined, 1)
    for way in proxies[1]:
        way.delay_secs = 0.0
    finish(joined, calm)


def test_a_stalled_network_ends_both_workers(joined, calm, proxies):
    for way in proxies[1]:
        way.stall()
    codes = joined.codes(KNOWN_SECS)
    assert codes == [75, 75], joined.output()[-3000:]
    for way in proxies[1]:
        way.flow()
    joined.start()
    finish(joined, calm)
