"""What a new version of a model shares with the one that it replaces.

Who asks by its name sends rows as before, and knows what the answers mean.
"""

import itertools
import pathlib

from trainer.finished.trained_run import Layout
from trainer.problem.problem import Problem
from trainer.process.exits import UserError
from trainer.tables.number_style import NumberStyle
from trainer.tables.readings import Reading
from trainer.tables.readings import Texts
from trainer.tables.time_form import TimeForm

# Of a name that is shown.
MOST_CHARACTERS = 40


def check_rows(
    path: pathlib.Path, now: Layout, before: Layout, version: int
) -> None:
    """Refuses an export that takes other rows than the version that answers.

    Args:
      path: of the export.
      now: what it takes.
      before: what is sent by now.
      version: that takes this.

    Raises:
      UserError: naming the first difference.
    """
    pairs = itertools.zip_longest(_columns(now), _columns(before))
    for place, (ours, theirs) in enumerate(pairs, 1):
        if ours != theirs:
            raise UserError(
                f"{path} takes {_shown(ours)} as column {place}, and version"
                f" {version} takes {_shown(theirs)}; start anew to serve it"
            )
    for what, own, other in (
        ("rows of shape", list(now.shape), list(before.shape)),
        ("values of", now.dtype.name, before.dtype.name),
    ):
        if own != other:
            raise UserError(
                f"{path} takes {what} {own}, and version {version} takes"
                f" {other}; start anew to serve it"
            )


def _columns(layout: Layout) -> list[tuple[str, str]]:
    """Returns (name, how its cells are read) of each column of a table."""
    if layout.encoding is None:
        return []
    return [(c.name, _told(c.reading)) for c in layout.encoding.inputs]


def _told(reading: Reading) -> str:
    if isinstance(reading, NumberStyle | TimeForm):
        return reading.told
    # Any text is one of a category, or of none.
    return "texts" if isinstance(reading, Texts) else "numbers"


def _shown(column: tuple[str, str] | None) -> str:
    if column is None:
        return "none"
    name, told = column
    return f"{name[:MOST_CHARACTERS]!r} ({told})"


def changed_answers(now: Problem, before: Problem) -> str:
    """Says what answers mean that they did not before; "" for nothing."""
    if now.type != before.type:
        return f"its problem is {now.type}, and was {before.type}"
    pairs = itertools.zip_longest(now.labels, before.labels)
    for place, (ours, theirs) in enumerate(pairs):
        if ours != theirs:
            own, other = (
                "none" if label is None else repr(label[:MOST_CHARACTERS])
                for label in (ours, theirs)
            )
            return f"its label {place} is {own}, and was {other}"
    if now.outputs != before.outputs:
        return f"its outputs are {now.outputs}, and were {before.outputs}"
    return ""
