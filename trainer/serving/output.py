"""Predictions as CSV, JSON lines or .npy, written as they come."""

import contextlib
import csv
import functools
import io
import itertools
import json
import os
import re
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from typing import cast
from typing import NamedTuple

import numpy as np

from trainer.problem.problem import Problem
from trainer.process.exits import UserError
from trainer.process.no_link import check_no_link
from trainer.process.plain_text import PlainBytes
from trainer.storage.files import new_file
from trainer.tables import header

FORMATS = ("csv", "jsonl", "npy")
_SUFFIXES = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".npy": "npy",
}
# Enough digits to give each float32 back.
_NUMBER = "%.9g"
# By which a cell begins that a spreadsheet reckons out (OWASP, CSV injection),
# and cells that begin so and are none.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b",
                   "\uff0d", "\uff20")  # fmt: skip
_PLAIN = re.compile(r"[+-]?(\d[\d.,' ]*([eE][+-]?\d+)?\s?%?)?|-+|[+-]?inf")
Kept = Iterable[tuple[str, ...]]
Write = Callable[[np.ndarray, Kept], None]
# From a row's answer, outputs and kept cells to its line.
Line = Callable[[np.ndarray, np.ndarray, tuple[str, ...]], str]


class Form(NamedTuple):
    """What a row of the output says.

    Attributes:
      problem: the run's.
      top: how many of the most probable classes, or None for all in order.
      kept: names of the input's columns that stand before the answer.
      is_verbatim: whether CSV holds cells as they are that a spreadsheet would
        take for formulas.
    """

    problem: Problem
    top: int | None = None
    kept: tuple[str, ...] = ()
    is_verbatim: bool = False


def choose_format(output: str | None, wanted: str | None) -> str:
    """Returns which of FORMATS is written.

    Raises:
      UserError: none is named, or .npy is to go to the terminal.
    """
    suffix = Path(output).suffix.lower() if output else ".csv"
    if wanted is None and suffix not in _SUFFIXES:
        raise UserError(
            f"--output={output} ends in none of {', '.join(_SUFFIXES)}; name"
            f" the format by --format={'|'.join(FORMATS)}"
        )
    chosen = wanted or _SUFFIXES[suffix]
    if chosen == "npy" and output is None:
        raise UserError("--format=npy needs a file; name it by --output")
    return chosen


def check_output(output: str | None, inputs: list[Path]) -> None:
    """Checks that a file can be written.

    Raises:
      UserError: its folder is not there, or it is an input, a folder or a
        link.
    """
    if output is None:
        return
    path = Path(output)
    check_no_link(path)
    folder = path.parent
    other = path.exists() and not path.is_file()
    if other or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(
            f"--output={output} cannot be written; name a file in a folder that"
            " is there"
        )
    for name in inputs:
        if path.exists() and name.exists() and path.samefile(name):
            raise UserError(f"--output={output} is an input; name another file")


@contextlib.contextmanager
def whole_or_absent(output: str | None) -> Iterator[BinaryIO]:
    """Opens a file that gets its name when all is written; or the terminal."""
    if output is None:
        yield _stdout()
        sys.stdout.buffer.flush()
        return
    with new_file(Path(output)) as file:
        yield file


def _stdout() -> BinaryIO:
    """Returns stdout for data, which a terminal alone must not obey."""
    buffer = sys.stdout.buffer
    is_shown = sys.stdout.isatty()
    return cast(BinaryIO, PlainBytes(buffer)) if is_shown else buffer


@contextlib.contextmanager
def writing(file: BinaryIO, kind: str, form: Form) -> Iterator[Write]:
    """Makes the function that writes predictions.

    It takes them, float32 [rows, outputs], and each row's kept cells.

    Args:
      file: open for writing; for .npy one that can seek.
      kind: one of FORMATS.
      form: what a row says.
    """
    if kind == "npy":
        with _writing_npy(file, form.problem.outputs) as write:
            yield write
        return
    if kind == "csv":
        file.write((_csv_line(form, _columns(form)) + "\n").encode())
    line = {"csv": _csv_row, "jsonl": _json_row}[kind](form)

    def write_lines(p: np.ndarray, kept: Kept) -> None:
        rows = zip(form.problem.decide(p), p, kept, strict=True)
        lines = (line(*row) + "\n" for row in rows)
        file.write("".join(lines).encode())

    yield write_lines


@contextlib.contextmanager
def _writing_npy(file: BinaryIO, outputs: int) -> Iterator[Write]:
    """Writes the header last: only then is the number of rows known."""
    rows = 0

    def header() -> bytes:
        # NumPy leaves room in it for a longer first axis.
        held = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            held,
            {"descr": "<f4", "fortran_order": False, "shape": (rows, outputs)},
        )
        return held.getvalue()

    def write(p: np.ndarray, kept: Kept) -> None:
        nonlocal rows
        rows += len(p)
        file.write(np.ascontiguousarray(p, "<f4").tobytes())

    blank = header()
    file.write(blank)
    yield write
    final = header()
    if len(final) != len(blank):
        raise AssertionError("the header of an .npy grew")
    file.seek(0)
    file.write(final)
    file.seek(0, os.SEEK_END)


def _columns(form: Form) -> list[str]:
    own = _own_columns(form)
    return [*_kept_columns(form, own), *own]


def _kept_columns(form: Form, own: list[str], of_rows: str = "") -> list[str]:
    """Returns a name for each kept column that no other has.

    Args:
      form: of the output.
      own: names of the answers.
      of_rows: what a column without a name is called, which names the rows.
    """
    answers, found = set(own), []
    taken = answers | set(form.kept)
    for name in form.kept:
        new = f"input.{name}" if name in answers else name or of_rows
        if new != name and new in taken:
            new = header.free(new, taken, itertools.count(1))
        taken.add(new)
        found.append(new)
    return found


def _own_columns(form: Form) -> list[str]:
    if form.top:
        return [
            f"{what}_{place}"
            for place in range(1, form.top + 1)
            for what in ("class", "probability")
        ]
    return [*form.problem.answer_columns, *form.problem.output_columns]


def _csv_line(form: Form, fields: Sequence[str]) -> str:
    if not form.is_verbatim:
        fields = [_text_cell(field) for field in fields]
    held = io.StringIO()
    # Quoted are fields that hold a character of the line's end.
    csv.writer(held, lineterminator="\r\n").writerow(fields)
    return held.getvalue().removesuffix("\r\n")


def _text_cell(cell: str) -> str:
    """Has a spreadsheet take no cell for a formula, as OWASP advises."""
    is_formula = cell.startswith(_FORMULA_STARTS) and not _PLAIN.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def _csv_row(form: Form) -> Line:
    problem = form.problem
    quoted = functools.cache(lambda cell: _csv_line(form, [cell]))
    numbers = ",".join([_NUMBER] * problem.outputs)

    def top(answer: np.ndarray, row: np.ndarray) -> str:
        return ",".join(
            f"{quoted(problem.labels[i])},{_NUMBER % row[i]}"
            for i in _greatest(row, form.top)
        )

    def plain(answer: np.ndarray, row: np.ndarray) -> str:
        cells = map(quoted, problem.answer_cells(answer))
        return ",".join([*cells, numbers % tuple(row.tolist())])

    answers = top if form.top else plain
    if not form.kept:
        return lambda answer, row, kept: answers(answer, row)
    return lambda answer, row, kept: (
        f"{_csv_line(form, kept)},{answers(answer, row)}"
    )


def _json_row(form: Form) -> Line:
    problem = form.problem

    def top(answer: np.ndarray, row: np.ndarray) -> dict:
        best = _greatest(row, form.top)
        return {
            "top": [
                {"class": problem.labels[i], "probability": p}
                for i, p in zip(best, digits(row[best]), strict=True)
            ]
        }

    def plain(answer: np.ndarray, row: np.ndarray) -> dict:
        return {problem.output_name: digits(row)}

    outputs = top if form.top else plain
    own = ["class", "labels", "top", problem.output_name]
    names = _kept_columns(form, own, of_rows="row")
    return lambda answer, row, kept: json.dumps(
        {
            **dict(zip(names, kept, strict=True)),
            **problem.answer_json(answer),
            **outputs(answer, row),
        },
        ensure_ascii=False,
    )


def _greatest(row: np.ndarray, top: int | None) -> np.ndarray:
    """Places of the greatest values, the first of equal ones first."""
    return np.argsort(-row, kind="stable")[:top]


def digits(row: np.ndarray) -> list[float]:
    """Numbers that JSON shows in a float32's own few digits."""
    return [float(_NUMBER % p) for p in row.tolist()]
