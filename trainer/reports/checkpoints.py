"""`strata checkpoints WORKDIR`: what a run has saved."""

import argparse
import pathlib
from collections.abc import Iterator

from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.sources import npy
from trainer.storage import staging
from trainer.workdir import checkpoints
from trainer.workdir.folder import Workdir


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(
        "strata checkpoints", "Lists a run's checkpoints, oldest first."
    )
    parser.workdir()
    parser.add_argument(
        "--verify",
        action="store_true",
        help="check every file against its SHA-256; code 1 where one differs",
    )
    parser.add_argument(
        "--contents",
        action="store_true",
        help="name the arrays of the newest one, with their types and shapes",
    )
    return parser.parse_args(argv)


def _contents(path: pathlib.Path) -> Iterator[str]:
    """Describes a checkpoint's arrays, by their headers alone."""
    stored = path / "state.npz"
    for name in npy.npz_keys(stored):
        shape, dtype = npy.npz_shape(stored, name)
        yield f"  {name}  {dtype} {list(shape)}"


def _contents_of_newest(folder: pathlib.Path, workdir: str) -> list[str]:
    """Describes the arrays of the newest checkpoint that is there."""
    # Again where a run that goes on removes the newest one that it had.
    while steps := checkpoints.steps_in(folder):
        path = checkpoints.path_of(folder, steps[-1])
        try:
            return list(_contents(path))
        except UserError:
            if path.exists():
                raise
    raise checkpoints.none_in(workdir)


@verb
def main(argv: list[str]) -> int:
    """Prints a line a checkpoint: name, bytes and, asked, soundness.

    Returns:
      0, or 1 where `--verify` found one that is not whole.

    Raises:
      UserError: the folder holds no checkpoint.
    """
    arguments = _parse(argv)
    folder = Workdir(staging.localize(arguments.workdir)).checkpoints
    steps = checkpoints.steps_in(folder)
    if not steps:
        raise checkpoints.none_in(arguments.workdir)
    sound = True
    for step in steps:
        path = checkpoints.path_of(folder, step)
        try:
            words, is_sound = _line(path, is_verified=arguments.verify)
        except FileNotFoundError:
            if path.exists():
                raise
            continue  # a run that goes on removed it meanwhile
        print(words)
        sound = sound and is_sound
    if arguments.contents:
        print("\n".join(_contents_of_newest(folder, arguments.workdir)))
    return 0 if sound else 1


def _line(path: pathlib.Path, *, is_verified: bool) -> tuple[str, bool]:
    """Describes a checkpoint; returns whether it is whole, too.

    Raises:
      FileNotFoundError: it was removed meanwhile.
    """
    size_bytes = sum(file.stat().st_size for file in path.glob("*"))
    words = f"{path.name}  {size_bytes:>12,} bytes"
    if not is_verified:
        return words, True
    wrong = checkpoints.wrong_with(path)
    return f"{words}  {f'refused: {wrong}' if wrong else 'whole'}", not wrong
