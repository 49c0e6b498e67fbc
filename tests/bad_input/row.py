"""What a user can get wrong, as a row of a table."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import pytest

MISTAKE = 2

X = np.arange(16, dtype=np.float32).reshape(8, 2)
Y = np.arange(8) % 2


@dataclasses.dataclass(frozen=True)
class Row:
    """A mistake.

    Attributes:
      name: of the case.
      arguments: the command line; {here} stands for an empty folder of the
        test's own, {config} for the config file.
      words: all of them are in the line that the user reads.
      make: makes the files that the case needs in the folder.
      config: the text of a config file.
      environment: variables that are set.
      needs_tensorflow: whether it is found only after TensorFlow is imported.
    """

    name: str
    arguments: str
    words: tuple[str, ...]
    make: Callable[[pathlib.Path, pytest.MonkeyPatch], None] | None = None
    config: str | None = None
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    needs_tensorflow: bool = False


def returning(expression: str) -> str:
    """A config file that returns what an expression gives."""
    return (
        "from trainer.config import *\n\n"
        f"def get_config():\n    return {expression}\n"
    )


def text_file(name: str, text: str = "") -> Callable:
    def make(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return make


def folder(name: str) -> Callable:
    def make(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        (here / name).mkdir(parents=True)

    return make


DIGITS = "--config=digits --workdir={here}/run"
