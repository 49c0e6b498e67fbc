"""`strata compare WORKDIR WORKDIR …`: what differs, and which run is better."""

import argparse
import dataclasses
import json
import pathlib
from typing import Any

from trainer.config.values import flatten
from trainer.finished import stored_run
from trainer.finished.stored_run import StoredRun
from trainer.problem import scores
from trainer.process import columns
from trainer.process.arguments import Parser
from trainer.process.columns import signed
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.reports import heading
from trainer.reports import pages
from trainer.reports import paired
from trainer.reports.pages import Chart
from trainer.reports.pages import Section
from trainer.reports.pages import Table
from trainer.storage import staging
from trainer.storage.names import local_place
from trainer.workdir.folder import Workdir

DESCRIPTION = """\
Compares runs of one problem: the fields that differ, scores with intervals
(95 %), seconds to a score, device-hours. The first run is the one that the
others are held against. Sets of runs, as of strata sweep --folds=5, are
compared run by run.
"""
NOISE = (
    "A difference whose 95 % interval holds 0 is called noise. The interval"
    " takes the runs' test rows for independent samples (Newcombe 1998), which"
    " is cautious where they are the same rows."
)
# Of a score that has no interval.
UNTOLD = "–"
# What may explain a difference and stands in no config.
SURROUNDINGS = ("revision", "processor", "topology", "packages")


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser("strata compare", DESCRIPTION)
    parser.about("workdir", "WORKDIR", "folder of a run", is_many=True)
    parser.add_argument(
        "--output", metavar="FILE", type=local_place, help="an HTML file too"
    )
    parser.add_argument(
        "--score",
        metavar="S",
        type=float,
        help="seconds are told to this score; if not set, to the best one that"
        " all runs reached",
    )
    parser.add_argument(
        "--usd_per_device_hour",
        metavar="P",
        type=float,
        help="price of a replica's device, to tell the cost",
    )
    return parser.parse_args(argv)


@verb
def main(argv: list[str]) -> int:
    """Prints the comparison, and writes it as a page where asked.

    Raises:
      UserError: fewer than two runs, of different problems, or no place to
        write to.
    """
    arguments = _parse(argv)
    page = pathlib.Path(arguments.output) if arguments.output else None
    if page:
        pages.check_possible()
        pages.check_output(page)
    folders = {
        path: Workdir(staging.localize(path)) for path in arguments.workdir
    }
    sets = [path for path in arguments.workdir if paired.is_set(folders[path])]
    if sets:
        _check_sets(arguments, sets)
        print(text_of(paired.table(folders)))
        print(f"\n{paired.NOTE}")
        return 0
    runs = read(arguments.workdir, folders)
    tables = [
        differences(runs),
        final_scores(runs),
        effort(runs, arguments.score, arguments.usd_per_device_hour),
    ]
    print("\n\n".join(text_of(table) for table in tables if table.rows))
    print(f"\n{NOISE}")
    if page:
        write(runs, tables, page)
        print(page)
    return 0


def _check_sets(arguments: argparse.Namespace, sets: list[str]) -> None:
    """Checks what is asked of sets of runs.

    Raises:
      UserError: one is a single run or named twice, or a flag is for runs.
    """
    others = [path for path in arguments.workdir if path not in sets]
    if others or len(set(sets)) < 2:
        raise UserError(
            f"{sets[0]} is a set of runs, as of strata sweep --folds, and"
            f" {others[0] if others else 'nothing else'} is not; compare sets,"
            " two or more"
        )
    if arguments.output or arguments.score or arguments.usd_per_device_hour:
        raise UserError(
            "--output, --score and --usd_per_device_hour are for single runs;"
            " leave them out for sets of runs"
        )


def read(workdirs: list[str], folders: dict[str, Workdir]) -> list[StoredRun]:
    """Reads runs that can be compared.

    Args:
      workdirs: as the user names them.
      folders: of each, that is here or was fetched.

    Raises:
      UserError: there are fewer than two, one twice, or two of different
        problems or without a score.
    """
    if len(workdirs) < 2:
        raise UserError("one WORKDIR is nothing to compare; name two or more")
    runs = [stored_run.read_in(folders[path], path) for path in workdirs]
    first = runs[0]
    for number, run in enumerate(runs):
        if run.problem.type != first.problem.type:
            raise UserError(
                f"{run.workdir.path} is of the problem {run.problem.type} and"
                f" {first.workdir.path} of {first.problem.type}; compare runs"
                " of one problem"
            )
        paths = {r.workdir.path.resolve() for r in runs[:number]}
        if run.workdir.path.resolve() in paths:
            raise UserError(f"{run.workdir.path} is named twice; name it once")
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        runs = [dataclasses.replace(r, name=str(r.workdir.path)) for r in runs]
    return runs


def differences(runs: list[StoredRun]) -> Table:
    """Returns the fields in which the runs differ."""
    facts = [
        {path: json.dumps(v) for path, v in flatten(run.config).items()}
        | {
            f"record.{name}": json.dumps(run.record.get(name))
            for name in SURROUNDINGS
        }
        | {"record.data": run.record["data"]["fingerprint"][:12]}
        for run in runs
    ]
    rows = [
        [path, *(fact[path] for fact in facts)]
        for path in facts[0]
        if len({fact[path] for fact in facts}) > 1
    ]
    return Table("What differs", ["field", *(r.name for r in runs)], rows)


def final_scores(runs: list[StoredRun]) -> Table:
    """Returns the runs' last scores, each against the first run's."""
    names = list(dict.fromkeys(m for run in runs for m in run.final))
    splits = [run.final_split for run in runs]
    scored = sorted({split for split in splits if split})
    rows: list[list[Any]] = [["split", *splits]] if len(scored) > 1 else []
    for name in names:
        rows.append([name, *(run.final.get(name) for run in runs)])
        intervals = [run.intervals.get(name) for run in runs]
        if not any(intervals):
            continue
        rows.append([f"{name}, 95 %", *map(columns.between, intervals)])
        told = [verdict(name, runs[0], run) for run in runs[1:]]
        rows.append([f"{name}, against the first", "", *told])
    caption = f"Scores ({' or '.join(scored) or 'last'} split)"
    return Table(caption, ["", *(r.name for r in runs)], rows)


def verdict(metric: str, first: StoredRun, other: StoredRun) -> str:
    """Says whether a run's metric is better than the first one's."""
    value, interval = other.final.get(metric), other.intervals.get(metric)
    held, held_interval = first.final.get(metric), first.intervals.get(metric)
    if not interval or not held_interval or value is None or held is None:
        return UNTOLD
    if first.record["data"]["name"] != other.record["data"]["name"]:
        return "other data"
    if first.final_split != other.final_split:
        return f"other rows: {other.final_split}, not {first.final_split}"
    if first.same_labels(other, str(other.final_split)) is False:
        return "other data"
    if told := first.other_measure(other, metric):
        return told
    low, high = scores.of_difference(value, interval, held, held_interval)
    is_lower = metric in first.problem.lower_is_better
    words = scores.judged([low, high], is_lower_better=is_lower)
    return f"{signed(value - held)} ({signed(low)} to {signed(high)}): {words}"


def verdicts(runs: list[StoredRun]) -> str:
    """Says of each run's score how it stands to the first one's."""
    metric, first = runs[0].problem.score, runs[0]
    told = [(run.name, verdict(metric, first, run)) for run in runs[1:]]
    return "; ".join(
        f"{metric} of {name} against {first.name}: {words}"
        for name, words in told
        if words != UNTOLD
    )


def effort(
    runs: list[StoredRun], target: float | None, price: float | None
) -> Table:
    """Returns what each run took.

    Args:
      runs: that are compared.
      target: a score; by default the best that all of them reached, where it
        is the same measure of all.
      price: of a device, in US dollars an hour.
    """
    metric = runs[0].problem.score
    there = [set(run.splits) for run in runs]
    split = next(
        (s for s in ("validation", "test") if all(s in x for x in there)),
        "train",
    )
    curves = [run.curve(split, metric) for run in runs]
    is_one = not any(runs[0].other_measure(run, metric) for run in runs)
    if target is None and is_one and all(values for _, values in curves):
        is_lower = metric in runs[0].problem.lower_is_better
        pick = max if is_lower else min
        best = [(min if is_lower else max)(values) for _, values in curves]
        target = pick(best)
    hours = [_device_hours(run) for run in runs]
    rows: list[list[Any]] = [
        ["wall seconds", *(run.result.get("wall_secs") for run in runs)],
        ["device-hours", *hours],
        ["examples/s", *(run.result.get("examples_per_sec") for run in runs)],
        ["restarts", *(run.result.get("restarts") for run in runs)],
    ]
    if target is not None:
        secs = [_secs_to(run, split, target) for run in runs]
        name = f"seconds to {split} {metric} {columns.shown(target)}"
        rows.insert(0, [name, *secs])
    if price is not None:
        rows.append(["USD", *(h if h is None else h * price for h in hours)])
    return Table("What it took", ["", *(run.name for run in runs)], rows)


def _device_hours(run: StoredRun) -> float | None:
    if not run.result:
        return None
    return run.result["wall_secs"] * run.record["topology"]["replicas"] / 3600


def _secs_to(run: StoredRun, split: str, target: float) -> float | None:
    """Seconds that the run had worked when it reached a score."""
    for step, value in zip(*run.curve(split, run.problem.score), strict=True):
        if value == target or run.is_better(value, target):
            return run.run_secs(step, split)
    return None


def text_of(table: Table) -> str:
    """Returns a table as text, in columns."""
    rows = [table.head, *([columns.shown(c) for c in r] for r in table.rows)]
    return f"{table.caption}\n{columns.lay_out(rows)}"


def write(
    runs: list[StoredRun], tables: list[Table], path: pathlib.Path
) -> None:
    """Writes the comparison as a page.

    Raises:
      UserError: it cannot be written there.
    """
    from trainer.charts import drawings

    drawn = []
    for metric in dict.fromkeys(("loss", runs[0].problem.score)):
        for split in ("train", "validation", "test"):
            curves = {run.name: run.curve(split, metric) for run in runs}
            curves = {k: v for k, v in curves.items() if len(v[0]) > 1}
            if curves:
                title = f"{split} {metric}"
                drawing = drawings.lines(title, curves)
                drawn.append(Chart(drawing, f"{title} by step"))
    differ, final, took = tables
    pages.write(
        path,
        " / ".join(run.name for run in runs),
        f"{len(runs)} runs. {heading.title(runs[0])}.",
        [
            Section("Scores", NOISE, tables=[final]),
            Section("Curves", charts=drawn),
            Section("Effort", tables=[took]),
            Section("Differences", tables=[differ] if differ.rows else []),
        ],
        verdicts(runs),
    )
