"""The cost model: its formulas, its limits, and the command that asks it."""

import math
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import cost_model
from benchmarks import scale_check
from benchmarks import scaling
from benchmarks import scaling_fit
from benchmarks.cost_model import Network
from benchmarks.hardware import HARDWARE

COURSE = Network(784, (784,), 10)
every_hardware = pytest.mark.parametrize("hardware", HARDWARE.values())


def efficiency(replicas, hardware, batch=8192, weak=False):
    return cost_model.efficiency(
        COURSE, batch, replicas, hardware, "bfloat16", weak=weak
    )


def test_a_network_is_counted_as_the_trainer_counts_it():
    assert COURSE.weights == 623_290
    assert COURSE.flops_per_row == 4 * 784 * 784 + 6 * 784 * 10


@pytest.mark.parametrize(("replicas", "sent"), [(1, 0), (2, 100), (4, 150)])
def test_a_ring_sends_its_share(replicas, sent):
    assert cost_model.ring_bytes(100, replicas) == sent


def test_a_ring_takes_its_bytes_and_its_hops():
    assert cost_model.ring_secs(100, 4, 50, 0.1) == pytest.approx(3 + 0.6)


@every_hardware
def test_one_replica_is_wholly_efficient(hardware):
    assert efficiency(1, hardware) == efficiency(1, hardware, weak=True) == 1


@every_hardware
def test_more_replicas_share_a_batch_less_well(hardware):
    found = [efficiency(n, hardware) for n in scaling.REPLICAS]
    assert found == sorted(found, reverse=True)
    assert 0 < found[-1] < found[0] < 1


@every_hardware
def test_a_quicker_link_scales_better(hardware):
    quick = hardware._replace(
        inside_bytes_per_sec=10 * hardware.inside_bytes_per_sec,
        outside_bytes_per_sec=10 * hardware.outside_bytes_per_sec,
    )
    assert efficiency(512, quick) > efficiency(512, hardware)


@every_hardware
def test_the_batch_that_pays_is_the_least(hardware):
    wide = Network(784, (8192, 8192), 10)
    place = (8, hardware, "bfloat16")
    batch = cost_model.paying_batch(wide, *place)
    assert batch is not None
    found = [
        cost_model.efficiency(wide, size, *place, weak=False)
        for size in (batch // 2, batch)
    ]
    assert found[0] < cost_model.GOOD_EFFICIENCY <= found[1]


def test_the_interval_of_checkpoints_is_youngs():
    # A checkpoint of 2 s, a failure every 10,000 s: sqrt(2 * 2 * 10,000).
    interval_secs = cost_model.best_interval_secs(2, 10_000)
    assert interval_secs == 200
    best = cost_model.goodput(interval_secs, 2, 60, 10_000)
    assert best == pytest.approx(1 - 2 / 200 - 160 / 10_000)
    for other in (150, 250):
        assert cost_model.goodput(other, 2, 60, 10_000) < best


def test_what_the_model_makes_is_found_again_by_the_fit():
    points = [
        {
            "width": width,
            "batch": batch,
            "replicas": replicas,
            "gradient_bytes": 4 * Network(784, (width,), 10).weights,
            "bits_per_sec": bits,
            "step_secs": 0.0,
        }
        for width in (196, 784)
        for batch in (128, 512)
        for replicas, bits in ((1, None), (2, None), (2, 1e9))
    ]
    truth = np.array([2e-11, 3e-9, 1e-3, 4e-9, 2e-3])
    for point in points:
        point["step_secs"] = scaling_fit.predicted_secs(truth, point)
    assert scaling_fit.fit(points) == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize(
    ("ran", "cores", "word"),
    [
        ({"input_wait_share": 0.5}, None, "input:"),
        ({}, 2, "cores: one CPU device by itself uses all 2"),
        ({"waiting_share": 0.4}, None, "all-reduce: 40%"),
        ({}, None, "the step itself: 32 rows"),
    ],
)
def test_a_cause_is_named(ran, cores, word):
    given = {"input_wait_share": 0.0, "waiting_share": 0.0, **ran}
    found = scale_check.Ran(4, 128, 1000.0, **given)
    assert scale_check.cause(found, cores=cores).startswith(word)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "--config is missing"),
        (["--config=mnit"], "did you mean mnist?"),
        (["--config=mnist", "--replicas=0"], "from 1 to"),
        (["--config=mnist", "--hardware=h10"], "invalid choice: 'h10'"),
        (
            ["--config=mnist", "--hardware=v5e", "--precision=tf32"],
            "take one of float32, bfloat16",
        ),
    ],
)
def test_a_wrong_flag_is_one_line(flags, told, capsys):
    assert scaling.main(flags) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_an_answer_needs_no_tensorflow():
    script = (
        "import sys\n"
        "from benchmarks import scaling\n"
        "assert scaling.main(['--config=mnist', '--replicas=64']) == 0\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=scaling.ROOT,
    )
    assert ran.stdout.startswith("modelled, not run: 64 x NVIDIA H100")


def test_efficiency_is_finite_however_many_share():
    found = efficiency(scaling.MOST_REPLICAS, HARDWARE["h100"])
    assert math.isfinite(found)
