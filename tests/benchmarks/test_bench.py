"""What `make bench` makes of its runs: ratios, bars and intervals."""

import os
import sys

import pytest

from benchmarks import bench_table
from benchmarks import overhead
from benchmarks import turns
from benchmarks.bench import Ran


def ran(epoch_secs, wall_secs=10.0, **found):
    return Ran(wall_secs, 10**9, {"epoch_secs": epoch_secs, **found})


@pytest.mark.parametrize(
    ("figure", "most", "verdict"),
    [
        (2.2, False, "met"),
        (2.19, False, "MISSED"),
        (2.2, True, "met"),
        (2.21, True, "MISSED"),
    ],
)
def test_a_bar_is_met_by_what_is_equal_to_it(figure, most, verdict):
    words = bench_table.held("ratio", figure, 2.2, most=most)
    assert words.endswith(f": {verdict}")


def test_a_ratio_is_of_neighbours():
    # The machine is half as fast in the second turn, to both.
    assert bench_table.ratio([(1.0, 2.5), (2.0, 5.0), (1.0, 9.0)]) == 2.5


def test_bars_are_held_to_ratios():
    secs = {
        bench_table.COURSE: 2.5,
        "PyTorch": 2.0,
        "PyTorch, compiled": 1.5,
        "JAX": 0.9,
        "products, PyTorch": 0.9,
        "products, NumPy": 0.8,
    }
    # A turn that other work disturbed moves nothing.
    pairs = {n: [(1.0, s), (1.0, s), (1.0, 9 * s)] for n, s in secs.items()}
    found = {"accuracy": 0.98}
    processes = {
        bench_table.OURS: [ran([1.5], 11.0, **found)],
        bench_table.COURSE: [ran([3.0], 20.0, **found)],
    }
    lines = list(bench_table.recipe_lines(pairs, processes))
    assert lines[-5:] == [
        "Keras fit against Strata 2.50 (at least 2.2): met",
        "PyTorch's best against Strata 1.50 (at least 1.6): MISSED",
        "JAX against Strata 0.90 (at least 1): MISSED",
        "share of the quickest products' speed (188 GFLOP/s) 0.80"
        " (at least 0.75): met",
        "whole process against the course script 0.55 (at most 0.55): met",
    ]


# Another program's words stand before the seconds, as Keras's bar does.
TAKES_TURNS = """
import sys
for number, line in enumerate(sys.stdin):
    print(f"bar ... @epoch {number + float(sys.argv[1])}", flush=True)
"""


def test_epochs_are_taken_in_turn_after_one_that_warms_up():
    ours, theirs = (
        [sys.executable, "-c", TAKES_TURNS, secs] for secs in ("0.0", "0.5")
    )
    taken = turns.take(ours, theirs, dict(os.environ), 2)
    assert taken == [(1.0, 1.5), (2.0, 2.5)]


def test_a_program_that_ends_before_its_turns_is_named():
    ended = [sys.executable, "-c", "input()"]
    with pytest.raises(RuntimeError, match="ended before its time"):
        turns.take(ended, ended, dict(os.environ), 2)


def test_the_time_to_an_accuracy_is_told_as_a_ratio():
    table = {
        "mnist_fast": [ran([], fit_secs=s, accuracy=0.98) for s in (1, 2, 9)],
        bench_table.COURSE: [
            ran([], fit_secs=s, accuracy=0.978) for s in (7, 15, 9)
        ],
    }
    *_, bar = bench_table.accuracy_lines(table, 0.9795)
    assert bar.endswith(" 7.00 (at least 8): MISSED")


def test_what_no_category_holds_is_the_end_of_the_process():
    run = ran([], 10.0, goodput={"train": 6.0, "setup": 3.0})
    (line,) = bench_table.start_lines([run])
    assert line.endswith("train 6.00, setup 3.00, report and end 1.00")


def test_equal_costs_have_an_interval_of_no_width():
    words = overhead.summary([1.02] * 5)
    assert words == "+2.00 % (95 %: +2.00 to +2.00)"


def test_an_interval_lies_within_the_pairs_and_repeats():
    ratios = [0.98, 1.0, 1.01, 1.03, 1.2]
    words = overhead.summary(ratios)
    assert words.startswith("+1.00 % (95 %: -2.00 to ")
    assert words == overhead.summary(ratios[::-1]) == overhead.summary(ratios)
