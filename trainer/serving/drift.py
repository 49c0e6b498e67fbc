"""`strata drift`: which columns of new rows moved, and what it may cost."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trainer.devices import start
from trainer.finished import trained_run
from trainer.finished.trained_run import TrainedRun
from trainer.problem.classes import Classes
from trainer.process import columns
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.serving import output
from trainer.serving import rows
from trainer.serving import scored_data
from trainer.serving import shifts
from trainer.serving.shifts import Confidence
from trainer.serving.shifts import Shift
from trainer.sources import sketch
from trainer.sources.sketch import Sketch
from trainer.storage.files import to_json
from trainer.storage.names import local_place
from trainer.tables.category_column import CategoryColumn
from trainer.tables.opening import is_table
from trainer.tables.opening import open_table

DESCRIPTION = """\
Holds new rows against those that a run was trained on, column by column: by how
much each has moved, more missing cells, texts that are new; and by how much the
network is less sure of its answers.

  strata drift runs/flats --input=new.csv
  strata drift runs/flats --input=may.csv june.csv --output=drift.json"""
# Columns that are shown; --output has all.
MOST_SHOWN = 20
# Rows of a block of a table that is counted.
BLOCK_ROWS = 8192


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser("strata drift", DESCRIPTION)
    trained_run.add_flags(parser)
    rows.add_flags(parser)
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=local_place,
        help="write all of it to this file as JSON, too",
    )
    parser.add_argument(
        "--data_dir",
        metavar="DIR",
        help="folder of the run's own data, for a run that has no sketch of it;"
        " by default the one it was trained on",
    )
    return parser.parse_args(argv)


@verb
def main(argv: list[str]) -> int:
    """Compares and prints; 0 whatever has moved.

    Raises:
      UserError: there is no such run or file, or nothing to compare with.
    """
    arguments = _parse(argv)
    stored = trained_run.read(arguments.workdir, arguments.checkpoint)
    paths = [Path(name) for name in arguments.input]
    output.check_output(arguments.output, paths)
    tables = [
        rows.open_file(path, stored.layout, arguments.array) for path in paths
    ]
    before = reference(stored, arguments.data_dir)
    now = before.empty()
    for path, table in zip(paths, tables, strict=True):
        _count(stored, path, table, now)
    found = shifts.compare(before, now)
    sure = _confidence(stored, tables)
    print("\n".join(_lines(before, now, found, sure)))
    if arguments.output is not None:
        with output.whole_or_absent(arguments.output) as file:
            file.write(to_json(_values(before, now, found, sure)))
    return 0


def reference(stored: TrainedRun, data_dir: str | None = None) -> Sketch:
    """Returns the sketch of a run's training rows.

    It is kept in the run; where an earlier version trained it, it is made of
    the run's own data.

    Raises:
      UserError: there is none, and the data cannot be read or is another's.
    """
    if stored.sketch is not None:
        return stored.sketch
    data = scored_data.load(stored, data_dir)
    if not data.is_own:
        raise UserError(
            f"{data.dataset.name} is not what {stored.workdir.path} was trained"
            " on, and the run has no sketch of that; name its own data by"
            " --data_dir"
        )
    found = sketch.of_training(data.dataset)
    if found is None:
        raise UserError(
            f"{stored.workdir.path} was trained on rows of"
            f" {stored.layout.features:,} columns; strata drift looks at"
            f" {sketch.MOST_COLUMNS:,} at most, or at images"
        )
    return found


def _count(
    stored: TrainedRun, path: Path, table: rows.Rows, now: Sketch
) -> None:
    encoding = stored.encoding
    if encoding is None or not is_table(path.name):
        for stored_rows in table.blocks(BLOCK_ROWS):
            now.look(stored_rows)
        return
    marks = {bins.name: bins.marks_missing for bins in now.bins}
    # Cells tell of each missing one, features where training rows had some.
    names = {column.name for column in encoding.inputs}
    for block in open_table(path).blocks(names=names):
        # First, as it names the cell that cannot be read.
        features = encoding.encode(
            block.columns, where=str(path), places=block.places
        )
        missing: dict[str, np.ndarray] = {}
        for column in encoding.columns:
            values = column.read(block.columns[column.name])
            is_text = isinstance(column, CategoryColumn)
            for name in [column.name] if is_text else column.values_features:
                # An earlier version's sketch has what stands for a missing
                # time among the times, and so have the new rows then.
                if marks[name] == column.marks_missing:
                    missing[name] = column.missing(values)
        now.look(features, missing)


def _confidence(
    stored: TrainedRun, tables: list[rows.Rows]
) -> Confidence | None:
    """Returns how sure the network is, of test rows and of these.

    None where it has no classes, or nothing is known of its test rows.
    """
    problem = stored.problem
    bins = stored.own_detail.get("calibration", {}).get("bins", [])
    if not isinstance(problem, Classes) or not bins:
        return None
    with start.eased():
        from trainer.serving.load import TrainedModel

        model = TrainedModel(stored)
    total, count = 0.0, 0
    for table in tables:
        for outputs in model.predict_blocks(table):
            total += float(problem.confidence(outputs).sum())
            count += len(outputs)
    return shifts.confidence(bins, total / count)


def _lines(
    before: Sketch,
    now: Sketch,
    found: list[Shift],
    sure: Confidence | None,
) -> Iterator[str]:
    moved = sum(shift.has_moved for shift in found)
    yield (
        f"{now.rows:,} rows against {before.rows:,} training rows:"
        f" {moved} of {len(found)} column(s) moved"
    )
    yield columns.lay_out(
        [
            ["column", "moved", "PSI", "by chance", "KS", "95 %", "missing",
             "new"],
            *map(_cells, found[:MOST_SHOWN]),
        ]
    )  # fmt: skip
    if len(found) > MOST_SHOWN:
        yield f"and {len(found) - MOST_SHOWN} more, which moved less"
    if sure is not None:
        yield (
            "the network gives its answers a chance of"
            f" {sure.mean_probability_now:.4f} in the mean, and gave test"
            f" rows {sure.mean_probability_test:.4f}: if it is as right for"
            f" its chances as there, its accuracy is now"
            f" {sure.accuracy_now:.4f}, and was {sure.accuracy_test:.4f}"
        )
        yield (
            "an estimate without labels; rows that have theirs are scored by"
            " strata evaluate --data_dir"
        )


def _cells(shift: Shift) -> list[str]:
    is_major = shift.has_moved and shift.psi > shifts.MAJOR_PSI
    words = ("much" if is_major else "yes") if shift.has_moved else "no"
    before, now = shift.missing
    return [
        shift.name,
        words,
        f"{shift.psi:.3f}",
        f"{shift.chance_psi:.3f}",
        "" if shift.ks is None else f"{shift.ks:.3f}",
        ""
        if shift.ks_interval is None
        else "{:.3f} to {:.3f}".format(*shift.ks_interval),
        f"{before:.1%} → {now:.1%}" if before or now else "",
        f"{shift.new:.1%}" if shift.new else "",
    ]


def _values(
    before: Sketch,
    now: Sketch,
    found: list[Shift],
    sure: Confidence | None,
) -> dict[str, Any]:
    return {
        "rows": now.rows,
        "training_rows": before.rows,
        "columns": [
            {**shift._asdict(), "has_moved": shift.has_moved} for shift in found
        ],
        "confidence": sure and sure._asdict(),
    }
