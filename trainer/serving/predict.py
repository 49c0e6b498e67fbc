"""`strata predict`: what a run's network says of rows in files."""

import argparse
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trainer.devices import start
from trainer.finished import trained_run
from trainer.finished.trained_run import TrainedRun
from trainer.process.arguments import Parser
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.plain_text import exact
from trainer.serving import output
from trainer.serving import rows
from trainer.serving import shifts
from trainer.serving.ranges import Ranges
from trainer.storage.names import local_place

DESCRIPTION = """\
Predicts from rows as they are stored, before normalisation, in their order.

  strata predict --workdir=runs/digits --input=new.npy --output=new.csv
  strata predict --workdir=runs/digits --input=a.csv b.csv --top_k=3
  strata predict --workdir=runs/flats --input=new.csv --keep=id,street"""


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser("strata predict", DESCRIPTION)
    trained_run.add_flags(parser)
    rows.add_flags(parser)
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=local_place,
        help="where to: .csv, .jsonl or .npy; by default CSV on the terminal",
    )
    parser.add_argument(
        "--format",
        choices=output.FORMATS,
        help="of the output, where its name does not tell",
    )
    parser.add_argument(
        "--keep",
        metavar="NAME,NAME",
        help="columns of a table to write beside the answers, or all; one that"
        " is named as an answer becomes input.NAME. Names of rows, a first"
        " column without a name, are kept anyway",
    )
    parser.add_argument(
        "--verbatim",
        action="store_true",
        help="write cells of CSV as they are that a spreadsheet would take for"
        " formulas; by default an apostrophe stands before =, +, - and @",
    )
    parser.add_argument(
        "--top_k",
        metavar="K",
        type=int,
        help="the K most probable classes of each row, and no others",
    )
    parser.add_argument(
        "--batch_size",
        metavar="N",
        type=int,
        help="rows worked off at once; by default as the run was scored, which"
        " gives the same bits",
    )
    return parser.parse_args(argv)


@verb
def main(argv: list[str]) -> int:
    """Predicts from files and writes what was found.

    Raises:
      UserError: before anything is written under its final name.
    """
    arguments = _parse(argv)
    stored = trained_run.read(arguments.workdir, arguments.checkpoint)
    rows.check_batch_size("--batch_size", arguments.batch_size, stored.layout)
    kind = output.choose_format(arguments.output, arguments.format)
    if kind == "npy" and arguments.top_k:
        raise UserError("--top_k is for CSV and JSON lines; .npy holds all")
    if kind == "npy" and arguments.keep is not None:
        raise UserError("--keep is for CSV and JSON lines; .npy holds numbers")
    _check_top(stored, arguments.top_k)
    paths = [Path(name) for name in arguments.input]
    output.check_output(arguments.output, paths)
    tables = [
        rows.open_file(path, stored.layout, arguments.array, arguments.keep)
        for path in paths
    ]
    kept = _kept_names(tables)
    form = output.Form(
        stored.problem, arguments.top_k, kept, arguments.verbatim
    )
    with start.eased():
        from trainer.serving.load import TrainedModel

        model = TrainedModel(stored)
    ranges, before = Ranges(stored), stored.sketch
    now = None if before is None else before.empty()

    def look(block: np.ndarray) -> None:
        ranges.look(block)
        if now is not None:
            now.look(block)

    done, show = 0, _progress(arguments.output, tables)
    with (
        output.whole_or_absent(arguments.output) as file,
        output.writing(file, kind, form) as write,
    ):
        for table in tables:
            kept_rows = table.kept()
            for outputs in model.predict_blocks(
                table, batch_size=arguments.batch_size, look=look
            ):
                write(outputs, itertools.islice(kept_rows, len(outputs)))
                done += len(outputs)
                show(done)
    warnings = [line for table in tables for line in table.warnings]
    warnings += ranges.warnings()
    if before is not None and now is not None:
        warnings += shifts.warnings(shifts.compare(before, now))
    for line in warnings:
        tell(f"WARNING: {line}")
    if arguments.output is not None:
        print(f"{done} rows predicted; {arguments.output}", flush=True)
    return 0


def _kept_names(tables: list[rows.Rows]) -> tuple[str, ...]:
    first = tables[0]
    for table in tables:
        if table.kept_names != first.kept_names:
            shown = [
                ", ".join(map(repr, t.kept_names)) or "none"
                for t in (first, table)
            ]
            raise UserError(
                f"{first.name} and {table.name} have other columns to keep"
                f" ({shown[0]}; {shown[1]}); name those that both have by"
                " --keep, or predict from one at a time"
            )
    return first.kept_names


def _check_top(stored: TrainedRun, top: int | None) -> None:
    problem = stored.problem
    if top is not None and not problem.takes_top_k:
        raise UserError(
            f"--top_k={top} is for problem 'multiclass'; the run's is"
            f" {problem.type!r}"
        )
    if top is not None and not 1 <= top <= problem.outputs:
        raise UserError(
            f"--top_k={top} must be from 1 to {problem.outputs}, the classes"
        )


def _progress(
    name: str | None, tables: list[rows.Rows]
) -> Callable[[int], None]:
    """Makes the function that moves Keras's bar, where there is a terminal.

    It takes how many rows are done.
    """
    if name is None or not sys.stdout.isatty():
        return lambda done: None
    from keras.utils import Progbar

    totals = [table.total for table in tables]
    total = None if None in totals else sum(filter(None, totals))
    bar = Progbar(total, unit_name="row")

    def show(done: int) -> None:
        with exact():
            bar.update(done, finalize=done == total)

    return show
