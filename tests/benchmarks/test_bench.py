"""What `make bench` makes of its runs: ratios, bars and intervals."""

import json
import os
import sys

import pytest

from benchmarks import bench
from benchmarks import bench_docs
from benchmarks import bench_table
from benchmarks import contestants
from benchmarks import overhead
from benchmarks import turns
from benchmarks.bench import Ran


def ran(epoch_secs, wall_secs=10.0, **found):
    found = {"epoch_secs": epoch_secs, "accuracy": 0.98, **found}
    return Ran(wall_secs, 10**9, found)


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
    words = str(bench_table.Bar("ratio", figure, 2.2, most))
    assert words.endswith(f": {verdict}")


def test_a_ratio_is_of_neighbours():
    # The machine is half as fast in the second turn, to both.
    assert bench_table.ratio([(1.0, 2.5), (2.0, 5.0), (1.0, 9.0)]) == 2.5


@pytest.fixture
def found():
    """What results.json would hold of made-up runs."""
    secs = {name: 3.0 for name in contestants.ALL} | {
        contestants.COURSE.name: 2.5,
        "PyTorch": 2.0,
        "PyTorch, compiled": 1.25,
        "JAX": 0.9,
        "products, OpenBLAS": 0.8,
        contestants.MOVES.name: 0.125,
    }
    # A turn that other work disturbed moves nothing.
    turns = {n: [[1.0, s], [1.0, s], [1.0, 9 * s]] for n, s in secs.items()}
    processes = {
        bench_table.OURS: [
            ran([1.5], 4.5, goodput={"train": 3.0, "setup": 1.0})
        ],
        contestants.COURSE.name: [ran([3.0], 10.0)],
    }
    fits = {
        "mnist_fast": [ran([], fit_secs=s) for s in (1, 2, 9)],
        contestants.COURSE.name: [ran([], fit_secs=s) for s in (7, 36, 9)],
    }
    kept = {
        "machine": {"cores": 2, "processor": "abacus"},
        "versions": {"keras": "3"},
        "threads": {"PyTorch": 2},
        "recipe": {n: bench.kept(runs) for n, runs in processes.items()},
        "in_turn": turns,
        "to_accuracy": {n: bench.kept(runs) for n, runs in fits.items()},
        "predict": {1024: 1.9},
    }
    return json.loads(json.dumps(kept))


def test_bars_are_held_to_ratios(found):
    shown = [
        (bar.words.split(" over")[0], round(bar.found, 3), bar.is_met)
        for bar in bench_table.bars(found)
    ]
    assert shown == [
        ("an epoch of JAX at its best,", 0.9, False),
        ("the floor (products, OpenBLAS, arrays moved)", 0.925, True),
        ("an epoch of Keras `fit`,", 2.5, True),
        ("an epoch of PyTorch's best,", 1.25, False),
        ("Strata's whole process,", 0.45, True),
        ("the course script's fit,", 7.0, False),
        ("`mnist_fast`: accuracy of the test rows, % on average", 98.0, True),
        ("`mnist_fast`: accuracy of the least seed, %", 98.0, True),
        ("peak memory,", 1.038, False),
        ("rows a second of `predict` at 1,024,", 1.9, False),
    ]


def test_the_table_has_the_quickest_first(found):
    names = [row.name for row in bench_table.rows(found)]
    assert names[:3] == [bench_table.OURS, "products, OpenBLAS", "JAX"]
    assert contestants.MOVES.name not in names


def test_what_no_category_holds_is_the_end_of_the_process(found):
    parts = {"train": 3.0, "setup": 1.0, "report and end": 0.5}
    assert bench_table.parts(found) == parts


def test_tables_of_a_page_are_those_found_and_the_rest_stays(found):
    page = "a\n<!-- bench: bars -->\nold\n<!-- end -->\nb <!-- end -->\n"
    begun, *lines, end, rest = bench_docs.filled(page, found).splitlines()[1:]
    assert (begun, end, rest) == (
        "<!-- bench: bars -->",
        "<!-- end -->",
        "b <!-- end -->",
    )
    assert lines[2] == (
        "| an epoch of JAX at its best, over Strata's | 0.90 | ≥ 1"
        " | **missed** |"
    )
    assert len(lines) == 2 + len(bench_table.bars(found))


def test_the_docs_hold_what_results_json_holds():
    kept = json.loads(bench_docs.RESULTS.read_text())
    for path in bench_docs.PAGES:
        page = path.read_text()
        assert "<!-- bench: " in page
        assert bench_docs.filled(page, kept) == page


def test_ratios_of_predicting_are_read_from_what_it_prints():
    text = " batch strata keras  ratio rows/s\n  1024  1,000  500  2.00\n"
    assert bench.ratios_in(text) == {1024: 2.0}


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


def test_equal_costs_have_an_interval_of_no_width():
    words = overhead.summary([1.02] * 5)
    assert words == "+2.00 % (95 %: +2.00 to +2.00)"


def test_an_interval_lies_within_the_pairs_and_repeats():
    ratios = [0.98, 1.0, 1.01, 1.03, 1.2]
    words = overhead.summary(ratios)
    assert words.startswith("+1.00 % (95 %: -2.00 to ")
    assert words == overhead.summary(ratios[::-1]) == overhead.summary(ratios)
