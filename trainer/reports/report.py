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
from trainer.process.arguments import Parser
from trainer.process.exits import verb
from trainer.reports import pages
from trainer.reports.pages import Chart
from trainer.reports.pages import Picture
from trainer.reports.pages import Section
from trainer.reports.pages import Table
from trainer.storage.names import local_place

NAME = "report.html"
# What an exit code of the trainer says of a start.
ENDS = {
    0: "done",
    2: "refused",
    3: "diverged",
    42: "told to leave",
    43: "stopped",
    75: "cluster failed",
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
        help=f"where to; WORKDIR/{NAME} if not set",
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
    path = pathlib.Path(arguments.output or run.workdir / NAME)
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
        f"{run.name}: {run.record['data']['name']}",
        _lead(run),
        [
            _learning(run),
            _beside(run),
            _classes(run),
            _mistakes(run),
            _values(run),
            _time(run),
            _config(run),
            _origin(run),
        ],
        _score(run),
    )


def write_at_the_end(workdir: str) -> None:
    """Writes a page beside a run's result, where the extra is installed.

    The run is done and its result stands: whatever goes wrong is told, and
    changes nothing.
    """
    if not pages.is_possible():
        return
    try:
        run = stored_run.read(workdir)
        write(run, run.workdir / NAME)
    except Exception as error:
        print(f"no report was made: {error!r}", file=sys.stderr)


def _score(run: StoredRun) -> str:
    value = run.final.get(run.problem.score)
    if value is None:
        return ""
    interval = run.intervals.get(run.problem.score)
    told = f" (95 %: {columns.between(interval)})" if interval else ""
    held = run.result.get("baselines", {}).values()
    if not all(map(baselines.beats_guessing, held)):
        told += ", no better than guessing"
    return f"{run.problem.score} {columns.shown(value)}{told}"


def _lead(run: StoredRun) -> str:
    data, topology = run.record["data"], run.record["topology"]
    rows = ", ".join(f"{n:,} {name}" for name, n in data["examples"].items())
    if not run.result:
        status = "not finished"
    else:
        status = f"{run.result['status']} at step {run.result['step']:,}"
    return (
        f"{run.problem.type} on {data['name']} ({rows} rows); {status}, on"
        f" {topology['workers']} worker(s) and {topology['replicas']}"
        f" replica(s) of {run.record['processor']}."
    )


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
    for name, words in {
        "learning_rate": "learning rate by step",
        "examples_per_sec": "examples per second by step",
    }.items():
        lines = [line for line in run.timing if name in line]
        if lines:
            curve = (
                [line["step"] for line in lines],
                [line[name] for line in lines],
            )
            title = name.replace("_", " ")
            drawn = drawings.lines(title, {title: curve}, from_zero=True)
            section.charts.append(Chart(drawn, words))
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


def _classes(run: StoredRun) -> Section:
    from trainer.charts import drawings

    detail = run.detail
    section = Section(f"Classes ({detail.get('split')} split)")
    confusion = detail.get("confusion", {})
    per_class = detail.get("per_class", [])
    if "matrix" in confusion:
        labels = [row["class"] for row in per_class]
        section.charts.append(
            Chart(
                drawings.matrix(labels, confusion["matrix"]),
                "Confusion matrix: true class down, predicted across",
            )
        )
    if "calibration" in detail:
        found = detail["calibration"]
        section.charts.append(
            Chart(
                drawings.calibration(found["bins"], found["ece"]),
                f"Calibration: expected error {columns.shown(found['ece'])};"
                " dashed is perfect",
            )
        )
    if curves := [c for c in detail.get("curves", []) if c["recall"]]:
        named = {c["label"]: (c["recall"], c["precision"]) for c in curves[:8]}
        section.charts.append(
            Chart(
                drawings.lines("precision", named, x="recall"),
                "Precision by recall",
            )
        )
    names = ["class", "precision", "recall", "f1", "support"]
    if per_class:
        rows = [
            [
                *(row[name] for name in names),
                columns.between(row["precision_interval"]),
                columns.between(row["recall_interval"]),
            ]
            for row in per_class
        ]
        head = [*names, "precision (95 %)", "recall (95 %)"]
        section.tables.append(Table("Per class", head, rows))
    return section


def _mistakes(run: StoredRun) -> Section:
    section = Section(f"Worst mistakes ({run.detail.get('split')} split)")
    found = run.detail.get("mistakes", [])
    pictures = [row for row in found if row["picture"]]
    section.pictures = [
        Picture(
            row["picture"],
            f"{row['true']}, taken for {row['predicted']}"
            f" ({columns.shown(row['how_wrong'])}); row {row['row']}",
        )
        for row in pictures
    ]
    if found and not pictures:
        rows = [
            [row["row"], row["true"], row["predicted"], row["how_wrong"]]
            for row in found
        ]
        head = ["row", "true", "predicted", "how wrong"]
        section.tables = [Table("Rows it was surest of", head, rows)]
    return section


def _values(run: StoredRun) -> Section:
    from trainer.charts import drawings

    section = Section(f"Values ({run.detail.get('split')} split)")
    if points := run.detail.get("points"):
        words = "Predicted by true value; dashed is perfect"
        section.charts = [Chart(drawings.points(points), words)]
    if outputs := run.detail.get("per_output"):
        head = list(outputs[0])
        rows = [list(row.values()) for row in outputs]
        section.tables = [Table("Per output", head, rows)]
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
    if starts := run.starts:
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
