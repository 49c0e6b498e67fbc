"""`strata report WORKDIR`: a run as one HTML file that opens from disk."""

import argparse
import json
import pathlib
import shlex
import sys
from typing import Any

from trainer.config.values import flatten
from trainer.finished import stored_run
from trainer.finished.stored_run import StoredRun
from trainer.problem import baselines
from trainer.process import columns
from trainer.process import exits
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.reports import answers
from trainer.reports import heading
from trainer.reports import pages
from trainer.reports.pages import Chart
from trainer.reports.pages import Section
from trainer.reports.pages import Table
from trainer.storage.names import local_place
from trainer.workdir.folder import REPORT_FILE

# What an exit code of the trainer says of a start.
ENDS = {
    exits.DONE: "done",
    exits.DEFECT: "failed",
    exits.MISTAKE: "refused",
    exits.DIVERGED: "diverged",
    exits.STOPPED: "told to leave",
    exits.STOPPED_BY_USER: "stopped",
    exits.CLUSTER_FAILED: "cluster failed",
    exits.INTERRUPTED: "interrupted",
    exits.HUNG_UP: "its terminal left",
}


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(
        "strata report", "Writes a run as one HTML file that needs no network."
    )
    parser.workdir()
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=local_place,
        help=f"where to; WORKDIR/{REPORT_FILE} if not set",
    )
    return parser.parse_args(argv)


@verb
def main(argv: list[str]) -> int:
    """Writes the page, and says where it is.

    Raises:
      UserError: the folder holds no run, or nothing can be written there.
    """
    arguments = _parse(argv)
    pages.check_possible()
    run = stored_run.read(arguments.workdir)
    path = pathlib.Path(arguments.output or run.workdir / REPORT_FILE)
    pages.check_output(path)
    write(run, path)
    print(path)
    return 0


def write(run: StoredRun, path: pathlib.Path) -> None:
    """Writes a run's page.

    Raises:
      UserError: it cannot be written there.
    """
    pages.write(
        path,
        heading.title(run),
        heading.lead(run),
        [
            _learning(run),
            _beside(run),
            answers.classes(run),
            answers.mistakes(run),
            answers.values(run),
            answers.columns_told(run),
            _time(run),
            _config(run),
            _origin(run),
        ],
        heading.score(run),
    )


def write_at_the_end(workdir: str) -> None:
    """Writes a page beside a run's result.

    The run is done and its result stands: whatever goes wrong is told, and
    changes nothing.
    """
    try:
        pages.check_possible()
        run = stored_run.read(workdir)
        write(run, run.workdir / REPORT_FILE)
    except UserError as error:
        print(f"no report was made: {error}", file=sys.stderr)
    except Exception as error:
        print(f"no report was made: {error!r}", file=sys.stderr)


def _timed(run: StoredRun, name: str) -> tuple[list, list]:
    """Returns (steps, values) of what timing.jsonl holds."""
    lines = [line for line in run.timing if name in line]
    return [line["step"] for line in lines], [line[name] for line in lines]


def _is_watched(run: StoredRun) -> bool:
    """Whether rows that are not trained on were scored on the way."""
    held = [split for split in run.splits if split != "train"]
    return any(len(run.curve(split, "loss")[0]) > 1 for split in held)


def _curves(run: StoredRun, metric: str) -> dict[str, tuple[list, list]]:
    found = {split: run.curve(split, metric) for split in run.splits}
    return {split: curve for split, curve in found.items() if curve[0]}


def _learning(run: StoredRun) -> Section:
    from trainer.charts import drawings

    section = Section("Learning")
    for metric in dict.fromkeys(("loss", run.problem.score)):
        if curves := _curves(run, metric):
            drawn = drawings.lines(metric, curves, marks=run.restart_steps)
            marked = "; a dashed line is a restart" * bool(run.restart_steps)
            section.charts.append(Chart(drawn, f"{metric} by step{marked}"))
    steps, rates = _timed(run, "learning_rate")
    if len(set(rates)) > 1:
        curve = {"learning rate": (steps, rates)}
        drawn = drawings.lines("learning rate", curve, from_zero=True)
        section.charts.append(Chart(drawn, "learning rate by step"))
    if len(section.charts) and not _is_watched(run):
        section.text = (
            "No held-out rows were scored on the way:"
            " --config.data.validation_fraction=0.1 holds some out, and"
            " --config.evaluation.test_each_time=true scores the test rows."
        )
    if run.result:
        scores = run.result["evaluation"]
        metrics = list(dict.fromkeys(m for s in scores.values() for m in s))
        rows = [
            [split, *(values.get(metric) for metric in metrics)]
            for split, values in scores.items()
        ]
        section.tables.append(Table("Final scores", ["split", *metrics], rows))
    return section


def _beside(run: StoredRun) -> Section:
    section = Section("Against guessing and a linear model")
    for split, found in run.result.get("baselines", {}).items():
        words = baselines.warning(found)
        section.text = f"No better than guessing: {words}." if words else ""
        rows = [
            [
                words,
                told.get("score", f"left out: {told.get('left_out')}"),
                told.get("difference"),
                columns.between(told.get("interval")),
            ]
            for name, words in baselines.NAMES.items()
            for told in (found[name],)
        ]
        metric = found["metric"]
        head = ["model", metric, "the network's minus this", "95 % interval"]
        section.tables.append(Table(f"{metric} on {split} rows", head, rows))
    return section


def _time(run: StoredRun) -> Section:
    from trainer.charts import drawings

    section = Section("Time")
    if run.result:
        spent = {k: v for k, v in run.result["goodput"].items() if v > 0}
        wall = run.result["wall_secs"]
        share = spent.get("train", 0.0) / wall
        section.text = (
            f"{wall:,.1f} s of wall time since the first start, of which"
            f" {100 * share:.1f} % trained (goodput);"
            f" {run.result['examples_per_sec']:,.0f} examples per second."
        )
        drawn = drawings.bars("seconds", spent)
        section.charts.append(Chart(drawn, "Where the wall time went"))
    steps, speeds = _timed(run, "examples_per_sec")
    if steps:
        curve = {"examples per second": (steps, speeds)}
        drawn = drawings.lines("examples per second", curve, from_zero=True)
        section.charts.append(Chart(drawn, "Speed by step"))
    if len(starts := run.starts) > 1:
        drawn = drawings.timeline(
            [(began, ended, _end(code)) for began, ended, code in starts]
        )
        section.charts.append(Chart(drawn, "Each start of the run"))
    return section


def _end(code: int | None) -> str:
    """Says how a start ended."""
    if code is None:
        return "killed, or still going on"
    return ENDS.get(code, f"code {code}")


def _config(run: StoredRun) -> Section:
    changed = [
        [path, _json(default), _json(value)]
        for path, (default, value) in run.changed.items()
    ]
    fields = [[path, _json(v)] for path, v in flatten(run.config).items()]
    return Section(
        "Config",
        tables=[
            Table(
                "What differs from the defaults",
                ["field", "default", "here"],
                changed,
            ),
            Table("Every field", ["field", "value"], fields, is_folded=True),
        ],
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _origin(run: StoredRun) -> Section:
    record, data = run.record, run.record["data"]
    facts = {
        "Strata": f"{record['version']}, revision {record['revision']}",
        "Python": record["python"],
        **record["packages"],
        "machine": f"{record['machine']}, {record['processor']}",
        "data": f"{data['name']}: {data['origin']}",
        "data fingerprint": data["fingerprint"],
        "started": record["started"],
        "weights SHA-256": run.result.get("weights_sha256"),
    }
    table = Table(
        "Environment", ["what", "value"], [[k, v] for k, v in facts.items()]
    )
    return Section(
        "How to reproduce",
        "The same command, on the same revision and data, gives the same"
        " weights on the same kind of processor.",
        tables=[table],
        command=shlex.join(record["command"]),
    )
