"""What a program hands over to train on, as sources take it."""

import os
from typing import Any

import numpy as np

from trainer.process.exits import UserError
from trainer.storage.names import check_place
from trainer.storage.names import place
from trainer.tables.given import as_array
from trainer.tables.given import Given
from trainer.tables.given import is_frame
from trainer.tables.given import label_of
from trainer.tables.given import of_frame


def taken(
    x: Any, y: Any, data: Any, test: Any, validation: Any
) -> tuple[Given | None, str | None]:
    """Returns arrays or tables, and what --data_dir would name; one is None.

    Args:
      x: as `trainer.fit` is given it, as all of these.
      y: the labels of `x`.
      data: in place of both.
      test: the test rows.
      validation: the validation rows.

    Raises:
      UserError: they do not go together.
    """
    held = {"test": test, "validation": validation}
    more = {split: part for split, part in held.items() if part is not None}
    if (x is None) != (y is None):
        lack, there = ("x", "y") if x is None else ("y", "x")
        raise UserError(f"{there}= is given without {lack}=; give both")
    if x is not None and data is not None:
        raise UserError("x= and data= are both given; give x= and y=, or data=")
    if isinstance(data, str | os.PathLike) or (x is None and data is None):
        if more:
            raise UserError(
                f"{next(iter(more))}= goes with x= and y=, or with a data"
                " frame; leave it out, or put that split's file beside the"
                " training rows'"
            )
        if data is None:
            return None, None
        check_place(os.fspath(data))
        return None, place(os.fspath(data))
    if data is not None:
        return _frames(data, more), None
    parts = {"train": (x, y)} | {
        split: _pair(split, part) for split, part in more.items()
    }
    if is_frame(x):
        return _labelled(parts), None
    arrays = {}
    for split, (rows, labels) in parts.items():
        arrays[f"x_{split}"] = _array(f"x of {split}", rows)
        arrays[f"y_{split}"] = _array(f"y of {split}", labels)
    return Given(arrays=arrays), None


def _pair(split: str, part: Any) -> tuple[Any, Any]:
    if not isinstance(part, tuple) or len(part) != 2:
        raise UserError(
            f"{split}= is a {type(part).__name__}; it must be (x, y), as the"
            " training rows are given"
        )
    return part


def _frames(data: Any, more: dict[str, Any]) -> Given:
    parts = {"train": data, **more}
    for split, frame in parts.items():
        if not is_frame(frame):
            name = "data" if split == "train" else split
            raise UserError(
                f"{name}= is a {type(frame).__name__}; it must be a data"
                " frame, a dict of columns or a path; give arrays as x= and y="
            )
    return Given(
        tables={
            split: of_frame(_name(split), frame)
            for split, frame in parts.items()
        }
    )


def _labelled(parts: dict[str, tuple[Any, Any]]) -> Given:
    # Labels of other splits are called as the training rows' are.
    called, _ = label_of(_name("train"), parts["train"][1])
    return Given(
        tables={
            split: of_frame(_name(split), rows, labels, called)
            for split, (rows, labels) in parts.items()
        }
    )


def _name(split: str) -> str:
    return "data" if split == "train" else split


def _array(name: str, values: Any) -> np.ndarray:
    """Returns an array; texts among objects become texts."""
    array = as_array(name, values)
    if array.dtype.kind == "O" and all(
        isinstance(value, str) for value in array.reshape(-1).tolist()
    ):
        return array.astype(str)
    if array.dtype.kind == "T":
        return array.astype(str)
    return array
